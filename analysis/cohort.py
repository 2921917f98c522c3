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
from analysis.fading import of_cohorts

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
    fits = {}
    for axes, (unit, label) in zip(grid[1], HALF_LIVES.items(), strict=False):
        log_axis(axes)
        fits[unit] = of_cohorts(table, unit)
        _half_lives(axes, fits[unit])
        axes.set(xlabel="learning-rate factor", ylabel=label)
    grid[1, 2].set_axis_off()
    legend(grid[1, 2], grid[0], loc="center", title="learning-rate factor")
    unknown = fits["epochs"].index.difference(told(fits["epochs"]).index)
    said = [
        "above: means over doublings of the age; below: of the mean memory over seeds, by the share that is "
        "kept, with its 95% interval, of seeds and of images where all seeds have the same; an "
        "arrow: beyond the ages watched, at least or at most so long"
    ]
    if len(unknown):
        said.append(f"not shown, as any is possible: factor {', '.join(map(factor_name, unknown))}")
    explain(figure, "; ".join(said))
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


def _half_lives(axes: Axes, fits: pd.DataFrame) -> None:
    """One point for each factor, of all its seeds, or an arrow at the least, or the most, that it can be."""
    log_factor_axis(axes, fits.index.tolist())
    if len(fits):
        factors = fits.index.to_numpy(float)
        axes.set_xlim(factors.min() / 1.5, factors.max() * 1.5)
    known, ends = told(fits), []
    values = known[["half_life", "low", "high"]].to_numpy(float)
    for factor, (life, low, high) in zip(known.index.to_numpy(float), values.tolist(), strict=True):
        ends += [end for end in (life, low, high) if 0 < end < np.inf]
        style = {"color": "black", "marker": "D", "markersize": 4, "capsize": 2}
        if 0 < life < np.inf:  # an end that is open lies off the axis
            ends_off = [[life - max(low, 1e-6 * life)], [min(high, 1e6 * life) - life]]
            axes.errorbar([factor], [life], ends_off, label="_all seeds", **style)
        else:
            bound, sign, name = (low, "uparrow", "least") if life else (high, "downarrow", "most")
            style = {"color": "black", "marker": rf"$\{sign}$", "markersize": 9}
            axes.plot([factor], [bound], label=f"_at {name}", **style)
    if ends:
        axes.set_ylim(min(ends) / 4, max(ends) * 4)


def told(fits: pd.DataFrame) -> pd.DataFrame:
    """Those of some half-lives of which anything is known; of the others any is possible."""
    return fits.loc[((fits["low"] > 0) | (fits["high"] < np.inf)) & fits["half_life"].notna()]


if __name__ == "__main__":
    _drawing.main({"cohort": draw}, __doc__)
