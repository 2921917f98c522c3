"""B18: a smaller data type buys speed or room where a larger batch would not."""

from functools import partial

import pandas as pd

from analysis.claims._batch import ABOUT_THE_SAME, POSTS, table
from analysis.claims._claim import Claim, Part
from analysis.precision import losses, over

SMALLER = "bfloat16"
LARGER = 4  # times the batch, in place of the smaller data type


def _cost(metric: str, one: tuple[str, int], other: tuple[str, int]):
    return table("precision", partial(over, metric=metric, one=one, other=other))


def final_loss(split: str):
    """Log of the smaller data type's final loss over float32's."""

    def of(records: pd.DataFrame) -> pd.Series:
        found = losses(records, split).reindex([SMALLER, "float32"])
        return found.loc[SMALLER] - found.loc["float32"]

    return table("precision", of)


MACHINE = "Of the machine that the records name, as much as of the network. Parameters are float32 in both."

B18 = (
    Claim(
        id="B18",
        sentence=(
            "A smaller data type buys speed where a larger batch would not: an example takes less time in "
            "bfloat16 than in float32, and less than in float32 at a batch four times as large."
        ),
        source=POSTS,
        needs=("precision",),
        parts=(
            Part(
                "time per example, bfloat16 over float32 (log ratio)",
                _cost("seconds", (SMALLER, 1), ("float32", 1)),
                high=0,
                reason="less time",
            ),
            Part(
                "time per example, bfloat16 over float32 at a batch four times as large (log ratio)",
                _cost("seconds", (SMALLER, 1), ("float32", LARGER)),
                high=0,
                reason="less time than the larger batch takes",
            ),
            Part(
                "time per example, float16 over float32 (log ratio)",
                _cost("seconds", ("float16", 1), ("float32", 1)),
                reason="the statement names no type; what holds of one need not of the other",
            ),
        ),
        note=f"{MACHINE} Repetitions stand for seeds.",
    ),
    Claim(
        id="B18-room",
        sentence=(
            "A smaller data type buys room where a larger batch takes it: a step needs less memory in "
            "bfloat16 than in float32, and more at a batch four times as large."
        ),
        source=POSTS,
        needs=("precision",),
        parts=(
            Part(
                "memory of a step at the larger batch, bfloat16 over float32 (log ratio)",
                _cost("memory", (SMALLER, LARGER), ("float32", LARGER)),
                high=0,
                reason="less; at the larger batch, where room is wanted",
            ),
            Part(
                "memory of a step in float32, batch four times as large over the smaller (log ratio)",
                _cost("memory", ("float32", LARGER), ("float32", 1)),
                low=0,
                reason="more",
            ),
        ),
        note=f"{MACHINE} Memory is what the compiler plans, the images included; it does not scatter.",
    ),
    Claim(
        id="B18-loss",
        sentence="In bfloat16 training ends about where it does in float32.",
        source=POSTS,
        needs=("precision",),
        parts=(
            Part(
                "final training loss, bfloat16 over float32 (log ratio)",
                final_loss("train"),
                **ABOUT_THE_SAME,
            ),
            Part("final test loss, bfloat16 over float32 (log ratio)", final_loss("test"), **ABOUT_THE_SAME),
        ),
    ),
)

CLAIMS = B18
