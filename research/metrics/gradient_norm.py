"""How long gradients are."""

from dataclasses import dataclass

from research.metrics._metric import Metric, Scalar, StepFacts, norm


@dataclass(frozen=True)
class GradientNorm(Metric):
    """Mean over the epoch's batches of the gradient's Euclidean length, weight decay left out."""

    def of_step(self, step: StepFacts) -> Scalar:
        return norm(step.gradient)
