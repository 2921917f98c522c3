"""No average: the last weights alone."""

from dataclasses import dataclass
from typing import ClassVar

from research.averaging._averaging import Averaging


@dataclass(frozen=True)
class NoAveraging(Averaging):
    """Nothing is averaged."""

    keeps: ClassVar[bool] = False
