"""Best factor, curvature, forgetting and memory against the size of the training set, on to ImageNet's.

python -m analysis.dataset_scale --label quick
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis import _drawing
from analysis._replays import remembered
from analysis._runs import final
from analysis._style import WIDTH, contrast, explain, legend, log_axis, panels
from analysis._tables import pivot, where
from analysis.budget import curvature_ratios
from analysis.claims._interval import interval
from analysis.fading import Fading, of_replays
from analysis.quantities import best_factor

IMAGENET = 1_281_167  # training images of ILSVRC 2012


def best_factors(table: pd.DataFrame) -> pd.DataFrame:
    """Best factor by test loss: rows are sizes, columns seeds; NaN where it may lie beyond the sweep."""
    values = final(table, "test", ["subset_size", "seed", "factor"]).unstack("factor").sort_index(axis=1)
    factors = values.columns.to_numpy(float)
    best = [2 ** best_factor(factors, row)[0] for row in values.to_numpy()]
    return pd.DataFrame(pd.Series(best, values.index, dtype=float).unstack("seed"))


def memories(table: pd.DataFrame) -> pd.DataFrame:
    """Mean memory of images since their last visit, nats: rows sizes, columns seeds."""
    found = remembered(table, ["run.subset_size"])
    return pivot(found.loc[found["ago"] <= 1 + 1e-6], "run.subset_size", "run.seed", values="image")


def half_lives(table: pd.DataFrame, memory: str) -> pd.DataFrame:
    """Half-life of the memory of views or images, epochs: rows sizes, columns seeds; NaN if not known."""
    fits = where(of_replays(table, ["run.subset_size"]), memory=memory)
    known = [Fading(*row).known for row in fits[[*Fading._fields]].itertuples(index=False)]
    return pivot(fits.loc[known], "run.subset_size", "run.seed", values="half_life")


def _curvature(table: pd.DataFrame) -> pd.DataFrame:
    return pivot(curvature_ratios(table), "subset_size", "seed", values="ratio")


QUANTITIES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "best factor": best_factors,
    "curvature ratio": _curvature,
    "memory of images (nats)": memories,
    "half-life of images (epochs)": partial(half_lives, memory="image"),
    "half-life of views (epochs)": partial(half_lives, memory="view"),
}


def quantity(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """One of `QUANTITIES`: rows are sizes, columns seeds; what has no logarithm is NaN."""
    values = QUANTITIES[name](table)
    return values.where(values > 0).reindex(columns=np.unique(where(table, kind="RunConfig")["seed"]))


def powers(values: pd.DataFrame) -> pd.Series:
    """The exponent of the size for each seed: least squares of logarithms over the sizes with a value.

    NaN with fewer than three.
    """
    found = {}
    for seed in values:
        known = values[seed].dropna()
        enough = len(known) >= 3
        found[seed] = np.polyfit(np.log2(known.index), np.log2(known), 1)[0] if enough else np.nan
    return pd.Series(found, dtype=float)


def extrapolated(
    values: pd.DataFrame, sizes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """A power law for each seed, at other sizes: their geometric mean and its 95% interval over the seeds.

    Seeds are the unit: a seed's points share its initialisation and images, and are not independent. The
    interval holds if the law does; it is NaN with fewer than two seeds that have three points.
    """
    known = [values[seed].dropna() for seed in values]
    fits = [np.polyfit(np.log2(of.index), np.log2(of), 1) for of in known if len(of) >= 3]
    lines = np.asarray([np.polyval(fit, np.log2(sizes)) for fit in fits]).reshape(len(fits), len(sizes))
    found = [interval(line) for line in lines.T]
    return (
        2 ** np.asarray([one.mean for one in found]),
        2 ** np.asarray([one.low for one in found]),
        2 ** np.asarray([one.high for one in found]),
    )


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    figure, axes = panels(2, 3, 1.4 * WIDTH, 5.6, sharex=True)
    *shown, rest = axes.flat
    for panel, name in zip(shown, QUANTITIES, strict=True):
        _panel(panel, quantity(table, name))
        panel.set_ylabel(name)
    for panel in (*axes[1, :2], axes[0, 2]):
        panel.set_xlabel("training images")
        panel.tick_params(labelbottom=True)
    rest.set_axis_off()
    legend(rest, shown, loc="center")
    explain(figure, "lines: means of the seeds' power laws; bands: their 95% intervals over seeds")
    return figure


def _panel(axes: Axes, values: pd.DataFrame) -> None:
    points = values.stack().dropna()
    if points.empty:
        return
    axes.set_xscale("log")
    log_axis(axes)
    axes.axvline(IMAGENET, color="0.6", linewidth=0.8, linestyle=":", label="ImageNet's 1.28 million")
    axes.scatter(points.index.get_level_values(0), points, s=12, color=contrast()[0], label="runs")
    if (values.count() >= 3).sum() < 2:
        return
    sizes = np.geomspace(points.index.get_level_values(0).to_numpy(float).min(), IMAGENET, 60)
    line, low, high = extrapolated(values, sizes)
    axes.plot(sizes, line, color=contrast()[1], linewidth=1, label="power law")
    axes.fill_between(sizes, low, high, color=contrast()[1], alpha=0.2, linewidth=0, label="95% band")
    axes.set_ylim(max(points.min() / 20, low.min() / 2), min(points.max() * 20, high.max() * 2))
    slope = np.diff(np.log(line)).sum() / np.diff(np.log(sizes)).sum()
    axes.set_title(
        f"power {slope:.2f}; at 1.28 million {line[-1]:.2g} [{low[-1]:.2g}, {high[-1]:.2g}]", fontsize=7
    )


if __name__ == "__main__":
    _drawing.main({"dataset_scale": draw}, __doc__)
