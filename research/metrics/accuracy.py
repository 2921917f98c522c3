"""The accuracy on each batch as it was trained on."""

from dataclasses import dataclass

from research.metrics._metric import Metric, Scalar, StepFacts


@dataclass(frozen=True)
class Accuracy(Metric):
    """Mean over the epoch's batches of the fraction classified rightly before the update."""

    def of_step(self, step: StepFacts) -> Scalar:
        return step.accuracy
