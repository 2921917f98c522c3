"""How long updates are."""

from dataclasses import dataclass

from research.metrics._metric import Metric, Scalar, StepFacts, norm


@dataclass(frozen=True)
class UpdateNorm(Metric):
    """Mean over the epoch's steps of the Euclidean length of what is added to the parameters."""

    def of_step(self, step: StepFacts) -> Scalar:
        return norm(step.update)
