"""Averages of the weights, beside any optimizer: a file for each."""

from pkgutil import extend_path

from research.averaging._averaging import WeightAveraging

__path__ = extend_path(__path__, __name__)
__all__ = ["WeightAveraging"]
