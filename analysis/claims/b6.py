"""B6: raising the batch size instead of lowering the learning rate."""

import pandas as pd

from analysis._runs import final
from analysis._tables import where
from analysis.claims._batch import ABOUT_THE_SAME, log_ratio, table
from analysis.claims._claim import Claim, Part
from analysis.grow_batch import by_kind


def over(split: str, numerator: str, denominator: str):
    """Log of one kind's final loss over another's."""

    def of(records: pd.DataFrame) -> pd.Series:
        runs = by_kind(records)
        losses = [final(where(runs, change=kind), split, ["seed"]) for kind in (numerator, denominator)]
        return log_ratio(*(values.groupby(level=0).first() for values in losses))

    return table("grow_batch", of)


CLAIMS = (
    Claim(
        id="B6",
        sentence="Raising the batch size ends as lowering the learning rate does.",
        source="Smith et al. 2018",
        needs=("grow_batch",),
        parts=(
            Part(
                "final training loss, batch grown over rate lowered (log ratio)",
                over("train", "grown", "decayed"),
                **ABOUT_THE_SAME,
            ),
            Part(
                "final test loss, batch grown over rate lowered (log ratio)",
                over("test", "grown", "decayed"),
                **ABOUT_THE_SAME,
            ),
            Part(
                "final training loss, neither over rate lowered (log ratio)",
                over("train", "fixed", "decayed"),
                low=0,
                reason="lowering the rate does something, or there would be nothing to be the same as",
            ),
        ),
    ),
)
