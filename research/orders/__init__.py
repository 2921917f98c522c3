"""Orders in which a run visits its images: a file for each."""

from pkgutil import extend_path

from research.orders._order import Order, shuffled

__path__ = extend_path(__path__, __name__)
__all__ = ["Order", "shuffled"]
