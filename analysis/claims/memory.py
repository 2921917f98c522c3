"""M1 to M3: what makes memory longer, by the half-life of the advantage of batches that were seen."""

import math
from functools import lru_cache, partial

import numpy as np
import pandas as pd

from analysis.claims._claim import ARTICLE, Claim, Evidence, Part
from analysis.memory import around, half_lives


@lru_cache(maxsize=4)
def _fits(evidence: Evidence) -> pd.DataFrame:
    return half_lives(evidence.tables["memory"])


def doublings(evidence: Evidence, field: str) -> pd.Series:
    """Log2 of the half-life at the highest value of a field over that at the lowest, for each seed.

    NaN where a run has no half-life, or one that reaches beyond what was replayed.
    """
    found = around(_fits(evidence), field)
    lives = found.pivot_table(index=field, columns="run.seed", values="value", dropna=False)
    seeds = np.unique(_fits(evidence)["run.seed"])
    if len(lives) < 2:
        return pd.Series(np.nan, seeds)
    return pd.Series(np.log2(lives.iloc[-1] / lives.iloc[0])).reindex(seeds)


def _claim(id: str, sentence: str, source: str, field: str, what: str, longer: bool) -> Claim:
    part = Part(
        f"half-life at the {what} (doublings)",
        partial(doublings, field=field),
        low=0 if longer else -math.inf,
        high=math.inf if longer else 0,
        reason=f"{'longer' if longer else 'shorter'}, by however little",
    )
    return Claim(id, sentence, source, ("memory",), (part,))


CLAIMS = (
    _claim(
        "M1",
        "Larger models forget less: the wider the network, the longer the half-life of a batch.",
        f"suggested by {ARTICLE}",
        "run.model.width",
        "largest width over that at the smallest",
        longer=True,
    ),
    _claim(
        "M2",
        "The higher the learning rate, the sooner a batch is forgotten.",
        ARTICLE,
        "run.factor",
        "highest factor over that at the lowest",
        longer=False,
    ),
    _claim(
        "M3",
        "Weight decay shortens memory.",
        "a hypothesis of this project",
        "run.optimizer.weight_decay",
        "largest weight decay over that at the smallest",
        longer=False,
    ),
)
