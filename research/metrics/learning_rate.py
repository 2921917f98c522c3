"""The learning rate."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from research.metrics._metric import Metric, Scalar, StepFacts


@dataclass(frozen=True)
class LearningRate(Metric):
    """That of the epoch's last step."""

    over_epoch: ClassVar[Literal["mean", "last"]] = "last"

    def of_step(self, step: StepFacts) -> Scalar:
        return step.learning_rate
