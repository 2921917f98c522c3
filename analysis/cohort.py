"""How soon images are forgotten that are not visited any more: a withheld cohort's forgetting curves.

python -m analysis.cohort --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._replays import withheld
from analysis._style import (
    WIDTH,
    explain,
    factor_name,
    legend,
    log_axis,
    log_factor_axis,
    markers,
    over_seeds,
    panels,
    sequence,
)
from analysis._tables import levels, where
from analysis.claims._interval import interval
from analysis.fading import drawable, of_all_cohorts, of_cohorts

UNITS = {
    "steps": "updates since the last epoch with them",
    "epochs": "epochs since then",
    "rate": "learning rate summed since then",
}
HALF_LIVES = {"epochs": "half-life (epochs)", "rate": "half-life (summed rate)"}


def by_moment(found: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Memory of the cohort, the mean over the moments within a doubling of the age, which scatter.

    Args:
        found: one factor's rows of `withheld`.

    Returns:
        Rows are mean ages in the unit, columns seeds.
    """
    doubling = np.floor(np.log2(found["steps"].to_numpy(float) + 1))
    # The rates of all seeds add up alike, but for rounding.
    ages = found[unit].groupby(doubling).transform("mean")
    return found.assign(age=ages).pivot_table(index="age", columns="run.seed", values="memory")


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    found, factors = withheld(table), levels(table, "factor")
    figure, grid = panels(2, 3, WIDTH * 1.4, 5.4)
    for axes, (unit, label) in zip(grid[0], UNITS.items(), strict=True):
        _curves(axes, found, factors, unit)
        axes.set_xlabel(label)
    grid[0, 0].set_ylabel("loss of images never seen\nless the cohort's (nats)")
    for axes, (unit, label) in zip(grid[1], HALF_LIVES.items(), strict=False):
        log_axis(axes)
        _half_lives(axes, of_cohorts(table, unit), factors)
        _of_all(axes, of_all_cohorts(table, unit))
        axes.set(xlabel="learning-rate factor", ylabel=label)
    grid[1, 2].set_axis_off()
    legend(grid[1, 2], grid[0], loc="center", title="learning-rate factor")
    explain(
        figure,
        "above: means over doublings of the age; below: a point for each run, with its fit's 95% interval, "
        "where memory is seen; black: of the mean memory over seeds, by the share that is kept, with its 95% "
        "interval over seeds (jackknife)",
    )
    return figure


def _curves(axes: Axes, found: pd.DataFrame, factors: list[float], unit: str) -> None:
    axes.axhline(0, color="0.5", linewidth=0.8)
    for factor, color, marker in zip(factors, sequence(len(factors)), markers(len(factors)), strict=True):
        known = by_moment(where(found, **{"run.factor": factor}), unit)
        style = {"color": color, "marker": marker, "markersize": 3}
        over_seeds(axes, known.index, known, label=factor_name(factor), **style)
    if len(found):  # the first moments are close together
        positive = found.loc[found[unit] > 0, unit]
        axes.set_xscale(
            "symlog", linthresh=10 ** np.floor(np.log10(positive.min())) if len(positive) else 1.0
        )


def _half_lives(axes: Axes, fits: pd.DataFrame, factors: list[float]) -> None:
    """Of each run, side by side; an interval that is open above reaches off the axis."""
    log_factor_axis(axes, factors)
    fits = drawable(fits)
    seeds = levels(fits, "run.seed")
    looks = zip(factors, sequence(len(factors)), markers(len(factors)), strict=True)
    for factor, color, marker in looks:
        of = where(fits, **{"run.factor": factor})
        place = of["run.seed"].map(seeds.index).to_numpy(float) - (len(seeds) - 1) / 2
        aside = 2 ** (0.4 * place / max(1, len(seeds)))
        low, high = (
            of["half_life"] - np.maximum(of["low"], 1e-6 * of["half_life"]),
            np.minimum(of["high"], 1e6 * of["half_life"]) - of["half_life"],
        )
        style = {"color": color, "marker": marker, "markersize": 4, "linestyle": "none", "linewidth": 1}
        x = of["run.factor"].to_numpy(float) * aside
        axes.errorbar(x, of["half_life"], [low, high], label=f"_{factor_name(factor)}", **style)
    known = np.asarray(fits["half_life"], float)
    if len(known):
        axes.set_ylim(known.min() / 4, known.max() * 4)


def _of_all(axes: Axes, found: pd.DataFrame) -> None:
    """One point for each factor, which all seeds give together."""
    for factor, row in zip(found.index.to_numpy(float), found.to_numpy(float), strict=True):
        of = interval(row)
        if np.isfinite(of.mean):
            ends = np.exp2([[of.mean - of.half_width], [of.mean + of.half_width]]) - np.exp2(of.mean)
            style = {"color": "black", "marker": "D", "markersize": 4, "capsize": 2, "zorder": 5}
            axes.errorbar([factor], [np.exp2(of.mean)], np.abs(ends), label="_all seeds", **style)


if __name__ == "__main__":
    _drawing.main({"cohort": draw}, __doc__)
