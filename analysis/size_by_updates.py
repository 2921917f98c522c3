"""Size by updates: the best factor against the number of images, at equal numbers of updates.

python -m analysis.size_by_updates --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import final
from analysis._style import (
    WIDTH,
    contrast,
    legend,
    log_factor_axis,
    log_factor_values,
    markers,
    over_seeds,
    panels,
)
from analysis._tables import where
from analysis.batch_ladder import resolved
from analysis.quantities import best_factor

FEWEST = 3  # sizes, for a slope


def bests(table: pd.DataFrame) -> pd.DataFrame:
    """Log2 of the factor of the lowest test loss: rows (updates, subset size), columns seeds."""
    runs = where(table, kind="RunConfig")
    if runs.empty:
        index = pd.MultiIndex.from_arrays([[], []], names=["updates", "subset_size"])
        return pd.DataFrame(index=index, dtype=float)
    updates = runs["epochs"] * (runs["subset_size"] // runs["batch_size"])
    keys = ["updates", "subset_size", "seed", "factor"]
    curves = final(runs.assign(updates=updates), "test", keys).unstack("factor").sort_index(axis=1)
    factors = curves.columns.to_numpy(float)
    found = [best_factor(factors, row)[0] if len(factors) > 1 else np.nan for row in curves.to_numpy(float)]
    return pd.DataFrame(pd.Series(found, curves.index, dtype=float).unstack("seed"))


def per_doubling(table: pd.DataFrame) -> pd.Series:
    """Change of log2 of the best factor for each doubling of the images, at the most updates; a seed each.

    Least squares over the sizes at which the best factor is known (`analysis.batch_ladder.resolved`);
    NaN with fewer than `FEWEST`.
    """
    found = bests(table)
    if found.empty:
        return pd.Series(dtype=float)
    positions = found.loc[found.index.unique("updates").max()]
    known = resolved(positions)
    if len(known) < FEWEST:
        return pd.Series(np.nan, positions.columns, dtype=float)
    x = np.log2(known.index.to_numpy(float))
    x -= x.mean()
    return pd.Series(x @ known.to_numpy(float) / (x @ x), known.columns)


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    found = bests(table)
    counts = sorted(found.index.unique("updates"))
    figure, ((axes,),) = panels(1, 1, WIDTH * 0.6, 3.0)
    for count, color, marker in zip(counts, contrast(len(counts)), markers(len(counts)), strict=True):
        part = found.loc[count]
        if np.isfinite(part.to_numpy(float)).any():
            log_factor_values(axes)
            over_seeds(
                axes, part.index, np.exp2(part), color=color, marker=marker, label=f"{count:,g} updates"
            )
    if len(found.index):
        log_factor_axis(axes, sorted(found.index.unique("subset_size")))
    axes.set(xlabel="training images", ylabel="best factor, by test loss")
    legend(axes)
    return figure


if __name__ == "__main__":
    _drawing.main({"size_by_updates": draw}, __doc__)
