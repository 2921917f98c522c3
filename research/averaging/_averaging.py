"""What an average of the weights is."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import jax
from jaxtyping import Array, Float, Int, PyTree

from research.errors import require
from research.family import Family, argument


@dataclass(frozen=True)
class WeightAveraging(Family):
    """An average of the parameters along training, which training itself does not see.

    Attributes:
        keeps: whether there is an average at all.
    """

    keeps: ClassVar[bool] = True

    @abstractmethod
    def updated(
        self,
        average: PyTree,
        params: PyTree,
        step: Int[Array, ""],
        per_epoch: Int[Array, ""] | int,
        total: Int[Array, ""] | int,
    ) -> PyTree:
        """The average after a step.

        Args:
            average: before it; before the first step, the initial parameters.
            params: after it.
            step: steps taken, this one included.
            per_epoch: steps of an epoch.
            total: steps of the whole run.
        """


@dataclass(frozen=True)
class OverEpochs(WeightAveraging):
    """An average that reaches over a number of epochs.

    Attributes:
        epochs: how many, whole or not.
    """

    epochs: float = argument(1.0)

    def __post_init__(self):
        require(0 < self.epochs < math.inf, "averaging.epochs", self.epochs, "must be finite and above 0")


def mixed(average: PyTree, params: PyTree, share: Float[Array, ""]) -> PyTree:
    """The average moved by a share of the way to the parameters."""
    return jax.tree.map(lambda old, new: old + share * (new - old), average, params)
