"""The loss of each batch as it was trained on."""

from dataclasses import dataclass

from research.metrics._metric import Metric, Scalar, StepFacts


@dataclass(frozen=True)
class TrainingLoss(Metric):
    """Mean over the epoch's batches of the loss before the update, in the units of the run's loss (nats)."""

    def of_step(self, step: StepFacts) -> Scalar:
        return step.loss
