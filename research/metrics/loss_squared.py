"""The square of the loss of each batch: with the loss, how far it swings within an epoch."""

from dataclasses import dataclass

from research.metrics._metric import Metric, Scalar, StepFacts


@dataclass(frozen=True)
class LossSquared(Metric):
    """Mean over the epoch's batches of the squared loss before the update, nats squared.

    Less the square of the metric `loss` it is the variance of the steps' losses within the epoch.
    """

    def of_step(self, step: StepFacts) -> Scalar:
        return step.loss**2
