"""What the claims about batch size have in common."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.claims._claim import ABOUT, Evidence

READING = "posts and questions on choosing a batch size"
POSTS = "posts on batch size and learning rate"

SAME = "about the same: neither is more than a quarter above the other"


def table(name: str, quantity: Callable[[pd.DataFrame], pd.Series]) -> Callable[[Evidence], pd.Series]:
    """An effect that is a quantity of one experiment's table."""

    def effect(evidence: Evidence) -> pd.Series:
        return quantity(evidence.tables[name])

    return effect


def log_ratio(numerator: Any, denominator: Any) -> pd.Series:
    """Log of a quotient of two positive series; NaN where either is not finite and positive."""
    top, bottom = (pd.Series(value, dtype=float) for value in (numerator, denominator))
    clean = [value.where((value > 0) & np.isfinite(value)) for value in (top, bottom)]
    return pd.Series(np.log(clean[0] / clean[1]))


ABOUT_THE_SAME: Mapping[str, Any] = {"low": -ABOUT, "high": ABOUT, "reason": SAME}
NOT_ABOVE: Mapping[str, Any] = {
    "high": ABOUT,
    "reason": "not more than a quarter above, about the same at most",
}
