"""M1 to M6 and M9: what makes memory longer, what is forgotten how often, and how much is remembered."""

import math
from functools import lru_cache, partial

import numpy as np
import pandas as pd

from analysis._tables import where
from analysis.claims._claim import ARTICLE, CIFAR10, Claim, Evidence, Part
from analysis.claims._forgetting import memory_at, of_images_at
from analysis.claims._images import shared
from analysis.events import at_the_end
from analysis.fading import RECOVERED_SHARE
from analysis.interventions import effects
from analysis.memory import around
from analysis.memory import half_lives as of_replays

# M1 to M3: what makes memory longer, by the half-life of the memory of views.


@lru_cache(maxsize=4)
def half_lives(evidence: Evidence) -> pd.DataFrame:
    """The fading of each frozen model's memory of views, with the columns of its run."""
    return where(of_replays(evidence.tables["memory"]), memory="view")


def doublings(evidence: Evidence, field: str) -> pd.Series:
    """Log2 of the half-life at the highest value of a field over that at the lowest, for each seed.

    NaN where a run has no half-life, or one that reaches beyond what was replayed.
    """
    every = half_lives(evidence)
    seeds = np.unique(every["run.seed"])
    if every.empty:
        return pd.Series(np.nan, seeds)
    found = around(every, field)
    lives = found.pivot_table(index=field, columns="run.seed", values="half_life", dropna=False)
    if len(lives) < 2:
        return pd.Series(np.nan, seeds)
    return pd.Series(np.log2(lives.iloc[-1] / lives.iloc[0])).reindex(seeds)


def _claim(id: str, sentence: str, source: str, field: str, what: str, longer: bool) -> Claim:
    part = Part(
        f"half-life of the memory of views at the {what} (doublings)",
        partial(doublings, field=field),
        low=0 if longer else -math.inf,
        high=math.inf if longer else 0,
        reason=f"{'longer' if longer else 'shorter'}, by however little",
    )
    note = "A view is the crop and flip of an image that a batch had: its memory, not that of the image."
    return Claim(id, sentence, source, ("memory",), (part,), note=note)


HALF_LIVES = (
    _claim(
        "M1",
        "Larger models forget less: the wider the network, the longer the half-life of a view.",
        f"suggested by {ARTICLE}",
        "run.model.width",
        "largest width over that at the smallest",
        longer=True,
    ),
    _claim(
        "M2",
        "The higher the learning rate, the sooner a view is forgotten.",
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

# M4: forgetting events grow with the learning rate; and Toneva et al.'s number.


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

EVENTS = (
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

# M5 and M6: what a window of batches caused, from runs that differ in nothing else.

AFTER, END = 1, -1  # of the moments measured: right after window B, and the last
LOWEST, HIGHEST = 0, -1  # of the learning-rate factors


def caused(evidence: Evidence, split: str, than: str, moment: int, factor: int) -> pd.Series:
    """What swapping two windows did to one loss less what it did to another, nats, for each seed.

    A difference of differences: the swings that all losses share in are in both, and drop out.
    """
    table = evidence.tables["interventions"]
    factors, seeds = np.unique(table["run.factor"].dropna()), np.unique(table["seed"].dropna())
    if not len(factors):
        return pd.Series(np.nan, seeds)
    losses = [effects(table, "swap", factors[factor], name) for name in (split, than)]
    if any(len(found) < 2 for found in losses):  # of two moments, one is not the end
        return pd.Series(np.nan, seeds)
    return (losses[0] - losses[1]).iloc[moment].reindex(seeds)


def left(evidence: Evidence) -> pd.Series:
    """How much better A is known than B for being later, at the end, less a quarter of it at first, nats."""

    def known(moment: int) -> pd.Series:
        return -caused(evidence, "window_a", "window_b", moment, LOWEST)

    return known(END) - RECOVERED_SHARE * known(AFTER)


WINDOWS = (
    Claim(
        id="M5",
        sentence="What was seen last is known best: moving a window of batches to later lowers its own loss.",
        source="the article's recency curve, asked of causes (arXiv 2601.21624)",
        needs=("interventions",),
        parts=tuple(
            Part(
                f"{what} right after window B, swapped less untouched, less the same of test loss (nats)",
                partial(caused, split="window_a", than="test", moment=AFTER, factor=factor),
                high=0,
                reason="lower, by however little",
            )
            for what, factor in (
                ("lowest factor: loss on window A", LOWEST),
                ("highest factor: loss on window A", HIGHEST),
            )
        ),
    ),
    Claim(
        id="M6",
        sentence="Of the difference that two windows' order makes, less than a quarter is left at the end.",
        source="a hypothesis of this project",
        needs=("interventions",),
        parts=(
            Part(
                "how much better the later window is known at the end, less a quarter of that at first, "
                "lowest factor (nats)",
                left,
                high=0,
                reason="less than a quarter of it is left, as for what is called gone",
            ),
        ),
    ),
)

# M9: how much of its images a frozen network remembers, at each rate.

ALL_AGES = (0.0, 1.0)  # epochs: each image once, since its last visit
ASKED = (0.25, 1.0, 2.0, 4.0)  # factors whose memory is stated, where there are records


def _remembered(evidence: Evidence, factor: float) -> pd.Series:
    return memory_at(evidence, factor, "image", ALL_AGES)


def _ends(evidence: Evidence) -> tuple[float, float]:
    factors = evidence.tables["forgetting"]["factor"].to_numpy(float)
    known = factors[np.isfinite(factors)]
    return (known.min(), known.max()) if len(known) else (np.nan, np.nan)


def lost(evidence: Evidence) -> pd.Series:
    """Memory of images at the highest factor less that at the lowest, nats, for each seed."""
    low, high = _ends(evidence)
    return _remembered(evidence, high) - _remembered(evidence, low)


IMAGES = (
    Claim(
        id="M9",
        sentence="The higher the learning rate, the less a frozen network remembers of its images.",
        source=ARTICLE,
        needs=("forgetting",),
        parts=(
            Part(
                "memory of images, highest factor less lowest: never seen less fresh view (nats)",
                lost,
                high=0,
                reason="less, by however little",
                # The images are the same, and as hard at both: this is more than what is left of it.
                resolution=lambda evidence: shared(
                    *(of_images_at(evidence, end, ALL_AGES) for end in _ends(evidence))
                ),
            ),
            *(
                Part(
                    f"memory of images at factor {factor:g} (nats)",
                    partial(_remembered, factor=factor),
                    reason="stated",
                    resolution=lambda evidence, factor=factor: shared(
                        of_images_at(evidence, factor, ALL_AGES)
                    ),
                )
                for factor in ASKED
            ),
        ),
        note="Of a network whose loss is near a guess there is little to remember, whatever made it so.",
    ),
)

CLAIMS = (*HALF_LIVES, *EVENTS, *WINDOWS, *IMAGES)
