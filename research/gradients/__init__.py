"""How the gradient of an update is made of its passes: a file for each way."""

from pkgutil import extend_path

from research.gradients._gradient import Gradient, Pass

__path__ = extend_path(__path__, __name__)
__all__ = ["Gradient", "Pass"]
