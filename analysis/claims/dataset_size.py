"""B13: forgetting, not curvature, grows with the data set."""

import numpy as np
import pandas as pd

from analysis._replays import NEWEST, OLDER, mean_memory, of_ages, remembered
from analysis._tables import where
from analysis.claims._batch import table
from analysis.claims._claim import ARTICLE, Claim, Evidence, Part
from analysis.claims._images import drawn, of_memory, shared
from analysis.dataset_scale import powers, quantity

SLOW = 1 / 3
"""Of an exponent: less than a doubling over an eightfold larger set, the scale of C2."""

FEWEST_BATCHES = 8
"""In an epoch: with fewer, none is so new as an eighth of an epoch."""


def power(name: str):
    """The exponent of the training set's size in a quantity."""

    def of(records: pd.DataFrame) -> pd.Series:
        return powers(quantity(records, name))

    return table("dataset_scale", of)


def lost_share(records: pd.DataFrame, harder: float = 0.0) -> pd.Series:
    """By how much the share of the newest batches' advantage that an epoch takes grows with each doubling.

    The advantage is that over images that were never seen; the share, from 0 to 1 but for noise, is what the
    batches seen half an epoch to an epoch ago lack of it. Least squares over the sizes, for each seed; NaN
    where a size has no such advantage to lose, or fewer than three sizes have epochs of `FEWEST_BATCHES`.

    Args:
        harder: how much harder images never seen are than others, nats.
    """
    found = remembered(records, ["run.subset_size", "run.batch_size"])
    found = found.assign(both=found["both"] - harder)
    long = found.loc[found["run.subset_size"] >= FEWEST_BATCHES * found["run.batch_size"]]
    shares = {}
    for size in np.unique(long["run.subset_size"]):
        of_size = where(long, **{"run.subset_size": size})
        newest = mean_memory(of_size, "both", NEWEST)
        shares[size] = 1 - mean_memory(of_size, "both", OLDER) / newest.where(newest > 0)
    seeds = np.unique(where(records, kind="RunConfig")["seed"])
    values = pd.DataFrame(shares).reindex(index=seeds)
    if len(values.columns) < 3:
        return pd.Series(np.nan, seeds)
    x = np.log2(values.columns.to_numpy(float))
    centred = x - x.mean()
    return pd.Series(values.to_numpy(float) @ centred / (centred @ centred), seeds)


def _of_images(evidence: Evidence) -> float:
    """Of `lost_share`: what seeds have in common where they share the images."""
    if drawn(evidence, "dataset_scale"):
        return 0.0
    records = evidence.tables["dataset_scale"]
    reach = shared(of_memory(of_ages(remembered(records), (0.0, 1.0))))
    lowest, highest = (lost_share(records, sign * reach).mean(skipna=False) for sign in (-1, 1))
    return abs(highest - lowest) / 2


CLAIMS = (
    Claim(
        id="B13",
        sentence=(
            "As the training set grows, the best factor falls and more is forgotten, while curvature takes "
            "no larger part of a step."
        ),
        source=f"{ARTICLE}, closing conjecture",
        needs=("dataset_scale",),
        parts=(
            Part("exponent of the best factor", power("best factor"), high=0, reason="falls"),
            Part(
                "share of the newest batches' advantage over never-seen images gone 1/2 to 1 epoch later, "
                "for each doubling of the set",
                table("dataset_scale", lost_share),
                low=0,
                reason="grows, by however little",
                resolution=_of_images,
            ),
            Part(
                "exponent of the curvature ratio",
                power("curvature ratio"),
                low=-SLOW,
                high=SLOW,
                reason="less than a doubling over an eightfold larger set",
            ),
        ),
        note="The figure draws the power laws on to 1.28 million images, with their intervals over seeds.",
    ),
)
