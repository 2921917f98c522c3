"""Optimizers: a file for each."""

from pkgutil import extend_path

from research.optimizers._optimizer import Optimizer, StepContext

__path__ = extend_path(__path__, __name__)
__all__ = ["Optimizer", "StepContext"]
