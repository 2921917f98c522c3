"""What a metric of training is."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from research.family import Family
from research.scalars import Scalar


class StepFacts(NamedTuple):
    """One step, as a metric sees it.

    Attributes:
        loss: of the step's batch, before the update.
        accuracy: likewise, a fraction.
        learning_rate: of the step.
        gradient: of the batch's mean loss, shaped as the parameters.
        update: what was added to the parameters; zeros, where passes are accumulated and none was due.
        params: before the update.
    """

    loss: Scalar
    accuracy: Scalar
    learning_rate: Scalar
    gradient: PyTree
    update: PyTree
    params: PyTree


@dataclass(frozen=True)
class Metric(Family):
    """A number of each step; an epoch's is recorded on split `seen`, under the member's name.

    What no metric asks for is not computed.

    Attributes:
        over_epoch: whether an epoch's value is the mean over its steps, or that of the last one.
    """

    over_epoch: ClassVar[Literal["mean", "last"]] = "mean"

    @abstractmethod
    def of_step(self, step: StepFacts) -> Scalar:
        """The step's value."""


def norm(tree: PyTree) -> Scalar:
    """The Euclidean length of all leaves together."""
    return jnp.sqrt(sum((leaf.astype(jnp.float32) ** 2).sum() for leaf in jax.tree.leaves(tree)))  # type: ignore[arg-type]
