"""No average: the last weights alone."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Array, Int, PyTree

from research.averaging._averaging import WeightAveraging


@dataclass(frozen=True)
class NoAveraging(WeightAveraging):
    """Nothing is averaged."""

    keeps: ClassVar[bool] = False

    def updated(
        self,
        average: PyTree,
        params: PyTree,
        step: Int[Array, ""],
        per_epoch: Int[Array, ""] | int,
        total: Int[Array, ""] | int,
    ) -> PyTree:
        del params, step, per_epoch, total
        return average
