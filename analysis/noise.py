"""Gradient variance against batch size, and the noise scale through training.

python -m analysis.noise --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis import _drawing
from analysis._style import (
    WIDTH,
    contrast,
    factor_name,
    legend,
    log_axis,
    markers,
    over_seeds,
    panels,
    sequence,
)
from analysis._tables import pivot, where

MOMENT = ["run.batch_size", "run.subset_size", "run.factor", "run.seed", "epoch"]
STATISTICS = {"batch": "each batch's own statistics", "running": "running statistics"}


def relative_variances(table: pd.DataFrame, statistics: str) -> pd.DataFrame:
    """Variance of a batch's gradient over that of the smallest size measured: rows sizes, columns moments.

    A moment is an epoch of one run; those of one seed are (run.factor, run.seed, epoch).
    """
    rows = where(table, kind="GradientNoise", split=statistics)
    if not rows.empty:
        rows = rows.assign(size=rows["metric"].str.removeprefix("variance_").astype(int))
    found = pivot(rows, "size", MOMENT)
    return found / found.iloc[:1].to_numpy()


def exponents(table: pd.DataFrame, statistics: str) -> pd.Series:
    """Slope of log variance against log batch size, least squares, at each moment; -1 is the 1/m law."""
    variances = relative_variances(table, statistics)
    if len(variances) < 2:  # no slope
        return pd.Series(np.nan, variances.columns)
    x = np.log(variances.index.to_numpy(float))
    centred = x - x.mean()
    return pd.Series(centred @ np.log(variances) / (centred @ centred), variances.columns)


def scales(table: pd.DataFrame, which: str) -> pd.DataFrame:
    """A noise scale in examples: rows (factor, epoch), columns seeds; NaN where noise drowned the signal."""

    def of(metric: str) -> pd.DataFrame:
        rows = where(table, kind="GradientNoise", split="scale", metric=metric)
        return pivot(rows, ["run.factor", "epoch"], "run.seed", dropna=False)

    found = of(which)
    return found.where((of("signal") > 0) & (found > 0))


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    figure, ((left, *right),) = panels(1, 3, WIDTH * 1.2, 2.9)
    log_axis(left)
    found = {statistics: relative_variances(table, statistics) for statistics in STATISTICS}
    for index, (statistics, variances) in enumerate(found.items()):
        style = {"color": contrast()[index], "marker": markers(2)[index], "linestyle": ("-", "--")[index]}
        style |= {"label": STATISTICS[statistics]}
        over_seeds(left, variances.index, variances, each="moment of a seed", **style)
    sizes = found["batch"].index.to_numpy(float)
    smallest = sizes[:1]
    left.plot(sizes, smallest / sizes, color="0.3", linestyle=":", label="1 / batch size")
    left.set(xscale="log", xlabel="batch size (examples)", title="a batch's gradient")
    left.set_ylabel("variance, relative to\nthat of the smallest batch")
    left.set_xticks(sizes, [f"{size:g}" for size in sizes])
    left.minorticks_off()
    legend(left)
    for axes, (which, title) in zip(
        right, {"simple": "simple noise scale", "full": "full noise scale"}.items(), strict=True
    ):
        _scale(axes, scales(table, which))
        axes.set(title=title, xlabel="epoch", ylabel="examples")
    legend(right[0], title="factor")
    return figure


def _scale(axes: Axes, found: pd.DataFrame) -> None:
    factors = found.index.unique("run.factor")
    count = len(factors)
    log_axis(axes)
    for factor, color, marker in zip(factors, sequence(count), markers(count), strict=True):
        values = found.loc[factor]
        over_seeds(axes, values.index, values, color=color, marker=marker, label=factor_name(factor))
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))


if __name__ == "__main__":
    _drawing.main({"noise": draw}, __doc__)
