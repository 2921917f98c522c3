"""Networks, in Flax NNX: a file for each."""

from pkgutil import extend_path

from research.models._initial import pytorch_default
from research.models._model import Model, Surroundings

__path__ = extend_path(__path__, __name__)
__all__ = ["Model", "Surroundings", "pytorch_default"]
