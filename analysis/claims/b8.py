"""B8: accumulated gradients and the large batch."""

import pandas as pd

from analysis.accumulation import differences
from analysis.claims._batch import table
from analysis.claims._claim import Claim, Part

SAME = 1e-3
"""A thousandth of the loss: far above float32's rounding in one step, far below what a seed changes."""


def apart(norm: str):
    """How far the first epoch's training losses of the two ways are apart: absolute log ratio.

    Of the first epoch, before training's own instability has made rounding errors grow.
    """

    def of(records: pd.DataFrame) -> pd.Series:
        return differences(records, norm).iloc[0]

    return table("accumulation", of)


CLAIMS = (
    Claim(
        id="B8",
        sentence="Accumulating gradients over passes equals the large batch, save through batch norm.",
        source="posts on gradient accumulation; Hoffer et al. 2017: ghost batch norm",
        needs=("accumulation",),
        parts=(
            Part(
                "without batch norm: first epoch's training losses apart (absolute log ratio)",
                apart("none"),
                high=SAME,
                reason="a thousandth: above float32's rounding, below what a seed changes",
            ),
            Part(
                "with batch norm: first epoch's training losses apart (absolute log ratio)",
                apart("batch"),
                low=SAME,
                reason="the same thousandth",
            ),
        ),
    ),
)
