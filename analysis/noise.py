"""Gradient variance against batch size, and the noise scale through training.

python -m analysis.noise --label quick
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis import _publish
from analysis._style import MARKERS, WIDTH, band, contrast, factor_name, sequence
from analysis._tables import where

STATISTICS = {"batch": "each batch's own statistics", "running": "running statistics"}


def relative_variances(table: pd.DataFrame, statistics: str) -> pd.DataFrame:
    """Variance of a batch's gradient over that of the smallest size measured: rows sizes, columns moments.

    A moment is an epoch of one run; those of one seed are (run.factor, run.seed, epoch).
    """
    rows = where(table, kind="GradientNoise", split=statistics)
    sizes = rows["metric"].str.removeprefix("variance_").astype(int)
    moments = ["run.batch_size", "run.subset_size", "run.factor", "run.seed", "epoch"]
    found = rows.assign(size=sizes).pivot_table(index="size", columns=moments, values="value")
    return found / found.iloc[0]


def exponents(table: pd.DataFrame, statistics: str) -> pd.Series:
    """Slope of log variance against log batch size, least squares, at each moment; -1 is the 1/m law."""
    variances = relative_variances(table, statistics)
    x = np.log(variances.index.to_numpy(float))
    centred = x - x.mean()
    return pd.Series(centred @ np.log(variances) / (centred @ centred), variances.columns)


def scales(table: pd.DataFrame, which: str) -> pd.DataFrame:
    """A noise scale in examples: rows (factor, epoch), columns seeds; NaN where noise drowned the signal."""

    def of(metric: str) -> pd.DataFrame:
        rows = where(table, kind="GradientNoise", split="scale", metric=metric)
        return rows.pivot_table(
            index=["run.factor", "epoch"], columns="run.seed", values="value", dropna=False
        )

    found = of(which)
    return found.where((of("signal") > 0) & (found > 0))


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    figure, (left, *right) = plt.subplots(1, 3, figsize=(WIDTH * 1.2, 2.9))
    found = {statistics: relative_variances(table, statistics) for statistics in STATISTICS}
    for index, (statistics, variances) in enumerate(found.items()):
        style = {"color": contrast()[index], "marker": MARKERS[index], "linestyle": ("-", "--")[index]}
        band(left, variances.index, variances, label=STATISTICS[statistics], **style)
    sizes = found["batch"].index.to_numpy(float)
    left.plot(sizes, sizes[0] / sizes, color="0.3", linestyle=":", label="1 / batch size")
    left.set(xscale="log", yscale="log", xlabel="batch size (examples)", title="a batch's gradient")
    left.set_ylabel(f"variance, relative to batch {sizes[0]:g}")
    left.set_xticks(sizes, [f"{size:g}" for size in sizes])
    left.minorticks_off()
    left.legend()
    for axes, (which, title) in zip(
        right, {"simple": "simple noise scale", "full": "full noise scale"}.items(), strict=True
    ):
        _scale(axes, scales(table, which))
        axes.set(title=title, xlabel="epoch", ylabel="examples")
    right[0].legend(title="factor")
    return figure


def _scale(axes: Axes, found: pd.DataFrame) -> None:
    factors = found.index.unique("run.factor")
    for index, (factor, color) in enumerate(zip(factors, sequence(len(factors)), strict=True)):
        values = found.loc[factor]
        band(axes, values.index, values, color=color, marker=MARKERS[index], label=factor_name(factor))
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))


if __name__ == "__main__":
    _publish.main({"noise": draw}, __doc__)
