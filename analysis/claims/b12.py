"""B12: batches that are too large, and too small."""

import numpy as np
import pandas as pd

from analysis._runs import at, final, logs
from analysis.claims._batch import READING, table
from analysis.claims._claim import ABOUT, Claim, Evidence, Part
from analysis.quantities import UNSTABLE_SHARE
from analysis.scaling_rules import by_rule


def _levels(records: pd.DataFrame, split: str) -> pd.Series:
    keys = ["rule", "warm", "ratio", "seed"]
    return final(by_rule(records), split, keys).rename_axis(keys)


def too_large(records: pd.DataFrame) -> pd.Series:
    """Log of the largest batch's final test loss, by its best rule and start, over the reference's.

    The rule and the start are those with the lowest mean over the seeds, one choice for all of them: of six
    at the largest batch and of two at the reference, so that choosing makes the difference smaller.
    """
    losses = pd.DataFrame(logs(_levels(records, "test")).unstack("seed"))
    ratio = losses.index.get_level_values("ratio")
    largest, reference = losses[ratio == ratio.max()], losses[ratio == 1].xs("linear", level="rule")
    means = [rows.mean(axis=1, skipna=False).dropna() for rows in (largest, reference)]
    if any(mean.empty for mean in means):  # none is there for every seed
        return pd.Series(np.nan, index=losses.columns)
    ends = [rows.loc[mean.idxmin()] for rows, mean in zip((largest, reference), means, strict=True)]
    return ends[0] - ends[1]


def too_small(evidence: Evidence) -> pd.Series:
    """The smallest batch's final training loss at the reference's rate, over that of a guess; diverged: 1."""
    losses = _levels(evidence.tables["scaling_rules"], "train")
    smallest = min(losses.index.unique("ratio"))
    of = at(losses, ratio=smallest, rule="none", warm=True)
    return (of / evidence.chance).clip(None, 1.0).groupby(level="seed").first()


CLAIMS = (
    Claim(
        id="B12",
        sentence=(
            "A batch can be too large, ending worse by every rule at equal epochs, and too small to "
            "converge at an unchanged learning rate."
        ),
        source=f"{READING}; Goyal et al. 2017: quality falls past 8,000 on ImageNet",
        needs=("scaling_rules",),
        parts=(
            Part(
                "final test loss, largest batch by its best rule over the reference (log ratio)",
                table("scaling_rules", too_large),
                low=ABOUT,
                reason="worse by more than a quarter",
            ),
            Part(
                "final training loss of the smallest batch, as a share of a guess's",
                too_small,
                low=UNSTABLE_SHARE,
                reason="unstable above half of chance level, as for C2",
            ),
        ),
        note="Asked of the largest and the smallest batch size that the preset has.",
    ),
)
