"""Losses: a file for each."""

from pkgutil import extend_path

from research.losses._loss import Loss

__path__ = extend_path(__path__, __name__)
__all__ = ["Loss"]
