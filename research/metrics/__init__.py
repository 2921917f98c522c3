"""What is recorded of an epoch's steps: a file for each."""

from pkgutil import extend_path

from research.metrics._metric import Metric, StepFacts

__path__ = extend_path(__path__, __name__)
__all__ = ["Metric", "StepFacts"]
