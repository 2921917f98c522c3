"""M4: forgetting events grow with the learning rate; and Toneva et al.'s number."""

import numpy as np
import pandas as pd

from analysis.claims._claim import CIFAR10, Claim, Evidence, Part
from analysis.events import at_the_end


def growth(evidence: Evidence) -> pd.Series:
    """Log2 of the events per learned image at the highest factor over those at the lowest; smaller batch."""
    events = _smaller_batch(evidence, "events")
    return np.log2(events.iloc[-1] / events.iloc[0]) if len(events) > 1 else events.iloc[0] * np.nan


def never_forgotten(evidence: Evidence) -> pd.Series:
    """Share of the images that were learned and never forgotten, at the factor nearest 1; smaller batch."""
    shares = _smaller_batch(evidence, "never_forgotten")
    return shares.iloc[int(np.argmin(np.abs(np.log2(shares.index.to_numpy(float)))))]


def _smaller_batch(evidence: Evidence, metric: str) -> pd.DataFrame:
    found = at_the_end(evidence.tables["events"], metric)
    seeds = np.unique(evidence.tables["events"]["seed"].dropna())
    return found.loc[found.index.get_level_values(0).min()].reindex(columns=seeds)


SOURCE = "Toneva et al. 2019 (arXiv 1812.05159)"

CLAIMS = (
    Claim(
        id="M4",
        sentence="The higher the learning rate, the more often an image is forgotten between two visits.",
        source=f"a hypothesis of this project, after {SOURCE}",
        needs=("events",),
        parts=(
            Part(
                "forgetting events per learned image, highest factor over lowest (doublings)",
                growth,
                low=0,
                reason="more, by however little",
            ),
        ),
    ),
    Claim(
        id="M4-number",
        sentence="About 31.3% of CIFAR-10's images are learned and never forgotten.",
        source=SOURCE,
        needs=("events",),
        parts=(
            Part(
                "share never forgotten, at factor 1",
                never_forgotten,
                low=0.313 - 0.05,
                high=0.313 + 0.05,
                reason="their number and five points either way, for another network and schedule",
            ),
        ),
        presets=("paper",),
        data=CIFAR10,
    ),
)
