"""What the tests of mended claims share: a verdict by a rule that was there before."""

from typing import Any

import numpy as np

from analysis.claims import Part, ask, discover
from analysis.claims._interval import interval
from analysis.claims._verdict import judge
from tests.analysis.claims.worlds import Evidence

CLAIMS = {claim.id: claim for claim in discover()}


def word(values: Any, low: float = -np.inf, high: float = np.inf, resolution: float = 0.0) -> str:
    """The verdict of one part with this rule, on an effect for each seed."""
    part = Part("effect", lambda evidence: None, float(low), float(high))  # type: ignore[arg-type]
    return judge(part, interval(np.asarray(list(values), float), resolution)).word


def now(name: str, records: Evidence) -> str:
    """The verdict of the claim as it is."""
    return ask(CLAIMS[name], records).word
