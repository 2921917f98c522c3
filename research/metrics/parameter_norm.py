"""How long the parameters are."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from research.metrics._metric import Metric, Scalar, StepFacts, norm


@dataclass(frozen=True)
class ParameterNorm(Metric):
    """Euclidean length of all parameters before the epoch's last update."""

    over_epoch: ClassVar[Literal["mean", "last"]] = "last"

    def of_step(self, step: StepFacts) -> Scalar:
        return norm(step.params)
