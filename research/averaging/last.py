"""No average: the last weights, evaluated as an average is."""

from dataclasses import dataclass

from jaxtyping import Array, Int, PyTree

from research.averaging._averaging import WeightAveraging


@dataclass(frozen=True)
class Last(WeightAveraging):
    """An average over one step: the last weights, with batch-norm statistics estimated anew.

    Running statistics are behind the weights, the more so the faster these move, and an average's are not.
    What averaging does shows beside these weights, not beside the last ones with running statistics.
    """

    def updated(
        self,
        average: PyTree,
        params: PyTree,
        step: Int[Array, ""],
        per_epoch: Int[Array, ""] | int,
        total: Int[Array, ""] | int,
    ) -> PyTree:
        del average, step, per_epoch, total
        return params
