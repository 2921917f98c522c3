"""The largest update of any parameter over the learning rate."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp

from research.metrics import Metric


@dataclass(frozen=True)
class LargestUpdate(Metric):
    """That of the epoch's last step."""

    over_epoch: ClassVar[Literal["mean", "last"]] = "last"

    def of_step(self, step):
        largest = [jnp.abs(leaf).max() for leaf in jax.tree.leaves(step.update)]
        return jnp.stack(largest).max() / step.learning_rate
