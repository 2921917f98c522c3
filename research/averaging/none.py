"""No average: the last weights alone."""

from dataclasses import dataclass
from typing import ClassVar

from research.averaging._averaging import WeightAveraging


@dataclass(frozen=True)
class NoAveraging(WeightAveraging):
    """Nothing is averaged."""

    keeps: ClassVar[bool] = False
