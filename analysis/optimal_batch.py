"""Test loss against batch size at fixed learning rates, and how the best batch size scales.

python -m analysis.optimal_batch --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import at, final, grid
from analysis._style import (
    WIDTH,
    contrast,
    explain,
    factor_name,
    legend,
    log_axis,
    log_factor_axis,
    log_factor_values,
    markers,
    over_seeds,
    panels,
    sequence,
)
from analysis._tables import where
from analysis.quantities import best_factor

FEWEST = 4  # best batch sizes within the grid, for two exponents and a constant to be fitted


def losses(table: pd.DataFrame) -> pd.Series:
    """Final test loss by (subset_size, rate, batch_size, seed); rates of a step, over the lowest."""
    runs = where(table, kind="RunConfig")
    step = runs["factor"] * runs["batch_size"]
    rate = np.exp2(np.log2(step / step.min()).round(6))  # equal rates are to be one, whatever their rounding
    keys = ["subset_size", "rate", "batch_size", "seed"]
    return final(runs.assign(rate=rate), "test", keys)


def best_batches(table: pd.DataFrame) -> pd.DataFrame:
    """Log2 of the best batch size (`best`) by subset_size, rate and seed; NaN at the grid's ends."""
    values = losses(table).unstack("batch_size", fill_value=np.nan).sort_index(axis=1)
    sizes = values.columns.to_numpy(float)
    best = [best_factor(sizes, row)[0] for row in values.to_numpy()]
    return pd.Series(best, values.index, dtype=float).reset_index(name="best")


def exponents(table: pd.DataFrame) -> pd.DataFrame:
    """Powers of the learning rate and of the training set's size in the best batch size, for each seed.

    Least squares over the cells whose best batch size lies within the grid. NaN where those are fewer than
    `FEWEST`, or all of one rate or one size.
    """
    found = {}
    for seed, cells in best_batches(table).groupby("seed"):
        known = cells.dropna()
        found[seed] = {"rate": np.nan, "size": np.nan, "constant": np.nan}
        if len(known) >= FEWEST and all(len(np.unique(known[of])) > 1 for of in ("rate", "subset_size")):
            x = np.column_stack([np.log2(known["rate"]), np.log2(known["subset_size"]), np.ones(len(known))])
            powers = np.linalg.lstsq(x, known["best"].to_numpy(), rcond=None)[0]
            found[seed] = dict(zip(("rate", "size", "constant"), powers, strict=True))
    return pd.DataFrame.from_dict(found, orient="index")


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    values = losses(table)
    sizes = sorted(values.index.unique("subset_size"))
    rates = sorted(values.index.unique("rate"))
    batches = sorted(values.index.unique("batch_size"))
    figure, (axes,) = panels(1, len(sizes) + 1, WIDTH * 1.3, 3.0)
    for panel, size in zip(axes, sizes, strict=False):
        log_axis(panel)
        for rate, color, marker in zip(rates, sequence(len(rates)), markers(len(rates)), strict=True):
            lines = grid(at(values, subset_size=size, rate=rate), "batch_size")
            style = {"color": color, "marker": marker, "label": factor_name(rate)}
            over_seeds(panel, lines.index, lines, **style)
        panel.set(title=f"{size:,g} training images", xlabel="batch size", ylabel="final test loss (nats)")
        log_factor_axis(panel, batches)
    legend(axes[0], title="learning rate")
    best, panel, count = best_batches(table), axes[-1], len(sizes)
    for size, marker, color in zip(sizes, markers(count), contrast(count), strict=True):
        of = where(best, subset_size=size).dropna()
        panel.scatter(of["rate"], 2 ** of["best"], marker=marker, color=color, s=18, label=f"{size:,g}")
    log_factor_axis(panel, rates)
    if len(best.dropna()):
        log_factor_values(panel)
        panel.set_ylim(min(batches) / 2**0.5, max(batches) * 2**0.5)
    panel.set(title="best batch size", xlabel="learning rate", ylabel="batch size")
    legend(panel, title="training images")
    explain(figure, "right: each seed, where the best lies within the batch sizes that there are")
    return figure


if __name__ == "__main__":
    _drawing.main({"optimal_batch": draw}, __doc__)
