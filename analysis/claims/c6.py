"""C6: at a high learning rate, twice the data is no better than half of it."""

from functools import partial

from analysis.claims._claim import ABOUT, ARTICLE, Claim, Part
from analysis.claims._forgetting import log_ratio

CLAIMS = (
    Claim(
        id="C6",
        sentence=(
            "At the high learning rate, half the data without augmentation gives about the same test loss as "
            "all of it with augmentation."
        ),
        source=ARTICLE,
        needs=("forgetting",),
        parts=(
            Part(
                "test loss, half over all (log ratio)",
                partial(log_ratio, factor=-1),
                low=-ABOUT,
                high=ABOUT,
                reason="neither is more than a quarter above the other",
            ),
        ),
        note="Over the last quarter of the epochs: at a constant high rate the loss swings between epochs.",
    ),
)
