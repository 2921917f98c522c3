"""Additive noise: loss of a small batch, of a large one, and of the large one with a small one's noise.

python -m analysis.additive_noise --label quick
"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._style import (
    WIDTH,
    contrast,
    explain,
    legend,
    log_axis,
    log_factor_axis,
    markers,
    over_seeds,
    panels,
)
from analysis._tables import column, levels, once_a_table, pivot, where
from analysis.quantities import FLAT_SHARE, UNSTABLE_SHARE

SMALL, LARGE, FRESH, RENEWED, HELD = (
    "small batch",
    "large batch",
    "noise at the weights",
    "noise at a snapshot",
    "noise at a held snapshot",
)
LATE_FRESH, LATE_HELD = "late noise at the weights", "late noise at a held snapshot"
NOISY = (FRESH, RENEWED, HELD)
LATE = (LATE_FRESH, LATE_HELD)

TIMES_LARGER = 2.0
"""Up to which two variances of a gradient count as alike: excess loss goes as the variance."""


def _arms(rows: pd.DataFrame, prefix: str, table: pd.DataFrame) -> pd.Series:
    """Which arm each row is of; those of other ages than the table's shortest and longest are of none."""
    names = ("accumulate", "gradient.kind", "gradient.every", "gradient.start")
    columns = [f"{prefix}{name}" for name in names]
    if rows.empty or not set(columns) <= set(rows.columns):
        return pd.Series(None, rows.index, dtype=object)
    passes, kind = (column(rows, name).to_numpy() for name in columns[:2])
    every, start = (rows[name].to_numpy(float) for name in columns[2:])
    # Of all rows: what is measured, or diverged, may be of one age, or one start, alone.
    ages, starts = (
        sorted({*levels(table, name), *levels(table, f"run.{name}")})
        for name in ("gradient.every", "gradient.start")
    )
    fresh, stale = kind == "fresh_noise", kind == "stale_noise"
    late = start > min(starts, default=np.inf)
    arms = {SMALL: passes == 1, LARGE: (passes > 1) & (kind == "mean"), FRESH: fresh & ~late}
    arms[LATE_FRESH] = fresh & late
    if len(ages):
        arms[RENEWED] = stale & ~late & (every == ages[0])
    if len(ages) > 1:
        arms[HELD] = stale & ~late & (every == ages[-1])
        arms[LATE_HELD] = stale & late & (every == ages[-1])
    found = np.full(len(rows), None, dtype=object)
    for arm, own in arms.items():
        found[own] = arm
    return pd.Series(found, rows.index)


def _of_small_batch(table: pd.DataFrame, prefix: str) -> pd.Series:
    """The small batch's factor at the rate of each row's updates."""
    return pd.Series(table[f"{prefix}factor"] * table[f"{prefix}accumulate"])


def measured(table: pd.DataFrame, kind: str, arm: str, split: str, metric: str) -> pd.DataFrame:
    """Rows of what was measured on an arm, with the small batch's factor in column `of_small`."""
    found = where(table, kind=kind, split=split, metric=metric)
    own = _arms(found, "run.", table) == arm
    return pd.DataFrame(
        found.assign(of_small=_of_small_batch(found, "run.") if own.any() else np.nan).loc[own]
    )


@once_a_table
def losses(table: pd.DataFrame, arm: str, chance: float, after: bool = False) -> pd.DataFrame:
    """Loss of images never seen, nats: rows the small batch's factors, columns seeds.

    A run that diverged, as one that ends worse, counts as a guess: nothing was measured on it.

    Args:
        arm: `SMALL`, `LARGE`, or one of `NOISY` or `LATE`.
        chance: the loss of a guess, nats.
        after: after annealing; else before it.
    """
    found = measured(table, "GroupLosses", arm, "never_seen", "loss")
    if len(found):
        found = found.loc[(found["epoch"] == found["run.epochs"]) == after]
    lost = where(table, kind="RunConfig", status="diverged")
    lost = lost.loc[_arms(lost, "", table) == arm]
    parts = []
    if len(found):
        parts.append(
            pd.DataFrame({"factor": found["of_small"], "seed": found["run.seed"], "value": found["value"]})
        )
    if len(lost):
        parts.append(
            pd.DataFrame({"factor": _of_small_batch(lost, ""), "seed": lost["seed"], "value": np.inf})
        )
    both = pd.concat(parts).drop_duplicates(["factor", "seed"]) if parts else pd.DataFrame()
    return pivot(both, "factor", "seed").sort_index().clip(upper=chance)


@once_a_table
def rise(table: pd.DataFrame, chance: float) -> float:
    """The factor that a limit sets in at: the lowest above the best where the loss has risen.

    The loss is that with a small batch's noise at the weights as they are, before annealing, mean over seeds;
    it has risen by `FLAT_SHARE` of the way from its lowest to a guess. NaN where it rises nowhere.
    """
    curve = losses(table, FRESH, chance).mean(axis=1, skipna=False)
    lowest = curve.min()
    if not lowest < chance:
        return np.nan
    risen = (curve - lowest >= FLAT_SHARE * (chance - lowest)) & (curve.index > curve.idxmin())
    return float(curve.index[risen][0]) if risen.any() else np.nan


def costs(table: pd.DataFrame, arm: str, chance: float) -> pd.Series:
    """What the factor of the `rise` costs an arm against its own lowest loss, before annealing, nats."""
    found = losses(table, arm, chance)
    return _at(found, rise(table, chance)) - found.min(skipna=False)


def noise_costs(table: pd.DataFrame, arm: str, chance: float, after: bool = False) -> pd.Series:
    """What an arm's noise costs over the large batch alone at the factor of the `rise`, nats.

    Args:
        after: after annealing; else before it.
    """
    factor = rise(table, chance)
    of_arm, of_large = (_at(losses(table, one, chance, after), factor) for one in (arm, LARGE))
    return of_arm - of_large


def _at(found: pd.DataFrame, factor: float) -> pd.Series:
    if factor not in found.index:
        return pd.Series(np.nan, found.columns, dtype=float)
    return pd.Series(found.loc[factor])


@once_a_table
def variances(table: pd.DataFrame, arm: str, taken: bool = False) -> pd.DataFrame:
    """Variance of a small batch's gradient, summed over parameters: rows factors, columns seeds.

    Args:
        taken: at the weights where the arm's noise is taken; else at its weights before annealing, which a
            run that diverged before has none of.
    """
    sizes = levels(where(table, kind="GradientNoise"), "run.batch_size")
    found = (
        measured(table, "GradientNoise", arm, "batch", f"variance_{sizes[0]:g}") if sizes else pd.DataFrame()
    )
    if found.empty:
        return pivot(found, "of_small", "run.seed")
    if not taken:
        groups = where(table, kind="GroupLosses")
        in_peak = groups.loc[(groups["epoch"] < groups["run.epochs"]) & (groups["run.accumulate"] > 1)]
        return pivot(found.loc[found["epoch"] == in_peak["epoch"].min()], "of_small", "run.seed")
    first = found.sort_values("epoch").drop_duplicates(["of_small", "run.seed"])
    return pivot(first, "of_small", "run.seed")


def speaks(table: pd.DataFrame, arm: str, fresh: str, chance: float) -> pd.DataFrame:
    """Whether it says anything that an arm's noise costs more than half of fresh noise's, or less.

    `more` does not where fresh noise has taken the loss more than `UNSTABLE_SHARE` of the way from its lowest
    to a guess, so that neither can cost much more; nor where the arm's noise has more than `TIMES_LARGER` the
    variance that fresh noise came to have: it may cost more by its size. `less` does not where the arm's
    noise has less than 1 / `TIMES_LARGER` of the variance that noise has at the large batch's weights, which
    no noise has moved: it may cost less by its size. What was not measured is not so.

    Args:
        fresh: the arm of fresh noise that it is held against.

    Returns:
        Rows seeds, columns `more` and `less`; at the factor of the `rise`, before annealing.
    """
    factor = rise(table, chance)
    lost = losses(table, fresh, chance)
    lowest = lost.min(skipna=False)
    room = (_at(lost, factor) - lowest) <= UNSTABLE_SHARE * (chance - lowest)
    size = _at(variances(table, arm, taken=True), factor)
    moved, unmoved = (_at(variances(table, one), factor).reindex(size.index) for one in (fresh, LARGE))
    more = room.reindex(size.index, fill_value=False) & (size <= TIMES_LARGER * moved)
    return pd.DataFrame({"more": more, "less": size * TIMES_LARGER >= unmoved})


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    figure, ((before, after, sizes),) = panels(1, 3, WIDTH * 1.3, 3.2)
    after.sharey(before)
    log_axis(sizes)
    arms = [SMALL, LARGE, *NOISY, *(arm for arm in LATE if len(losses(table, arm, np.inf)))]
    for arm, color, marker in zip(arms, contrast(len(arms)), markers(len(arms)), strict=True):
        look: dict[str, Any] = {"color": color, "marker": marker, "label": arm}
        of_arm = losses(table, arm, np.inf), losses(table, arm, np.inf, after=True), variances(table, arm)
        for panel, values in zip((before, after, sizes), of_arm, strict=True):
            over_seeds(panel, values.index, values, **look)
        if arm in (RENEWED, HELD, LATE_HELD):
            taken = variances(table, arm, taken=True)
            look |= {"label": f"{arm}: where it is taken", "linestyle": ":"}
            over_seeds(sizes, taken.index, taken, **look)
    found = where(table, kind="RunConfig")
    factors = sorted({*_of_small_batch(found, "").dropna()}) if len(found) else []
    for panel, title in ((before, "before annealing"), (after, "after annealing"), (sizes, "noise")):
        log_factor_axis(panel, factors)
        panel.set(title=title, xlabel="small batch's learning-rate factor")
    before.set_ylabel("never-seen loss (nats)")
    sizes.set_ylabel("variance of\na small batch's gradient")
    legend(figure, loc="outside upper center", ncols=4)
    explain(
        figure, "all have the same updates and rates; the noise is a small batch's, added to the large one"
    )
    return figure


if __name__ == "__main__":
    _drawing.main({"additive_noise": draw}, __doc__)
