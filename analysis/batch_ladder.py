"""Batch ladder: test and training loss against the factor at every batch size, and where the best one lies.

python -m analysis.batch_ladder --label quick

`python -m analysis.limit` puts the best factor and the onset beside what the four mechanisms predict.
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import at, final, grid
from analysis._style import (
    WIDTH,
    legend,
    log_axis,
    log_factor_axis,
    log_factor_values,
    markers,
    over_seeds,
    panels,
    sequence,
)
from analysis._tables import levels, where
from analysis.quantities import SCATTER, best_factor, onset

FEWEST = 3  # batch sizes, for a slope


def bests(table: pd.DataFrame) -> pd.DataFrame:
    """Log2 of the factor of the lowest test loss, NaN at the ends: rows batch sizes, columns seeds."""
    return _each(table, "test", lambda factors, losses, _: best_factor(factors, losses)[0])


def onsets(table: pd.DataFrame, chance: float) -> pd.DataFrame:
    """Log2 of the factor where training turns unstable: rows batch sizes, columns seeds.

    Infinite where no factor was unstable, NaN where runs are missing or have too few updates to say.

    Args:
        chance: the loss of a guess, nats.
    """
    runs = where(table, kind="RunConfig")
    if runs.empty:
        return pd.DataFrame()
    steps = runs["epochs"] * (runs["subset_size"] // runs["batch_size"])
    updates = {size: float(np.min(steps[runs["batch_size"] == size])) for size in levels(runs, "batch_size")}
    return _each(table, "train", lambda factors, losses, size: onset(factors, losses, chance, updates[size]))


def _each(table: pd.DataFrame, split: str, quantity) -> pd.DataFrame:
    """A quantity of each curve of losses over factors: rows batch sizes, columns seeds."""
    curves = final(table, split, ["batch_size", "seed", "factor"]).unstack("factor").sort_index(axis=1)
    factors = curves.columns.to_numpy(float)
    if len(factors) < 2:
        return pd.DataFrame(index=curves.index.unique(0), columns=curves.index.unique(-1), dtype=float)
    found = [
        quantity(factors, row, size)
        for (size, _), row in zip(curves.index, curves.to_numpy(float), strict=True)
    ]
    return pd.DataFrame(pd.Series(found, curves.index, dtype=float).unstack("seed"))


def noise_scales(table: pd.DataFrame) -> pd.Series:
    """The critical batch size of each seed, in examples: tr(H S) / (g H g) of McCandlish et al. 2018.

    NaN where the estimate is not positive: the gradient is then too short to be told from its noise.
    """
    found = where(table, kind="GradientNoise", split="scale", metric="full")
    if found.empty:
        return pd.Series(dtype=float)
    scales = found.groupby("run.seed")["value"].median()
    return pd.Series(scales.where(scales > 0)).rename_axis("seed")


def slopes(positions: pd.DataFrame, predicted: pd.DataFrame | None = None) -> pd.Series:
    """Least-squares slope of log2 positions against log2 of the batch size, for each seed.

    Over the batch sizes at which every seed has a position, and they scatter by `SCATTER` at most: choosing
    sizes seed by seed would be choosing among seeds. NaN with fewer than `FEWEST` of them.

    Args:
        predicted: log2 positions, whose slope over the same batch sizes is subtracted.
    """
    known = resolved(positions)
    if len(known) < FEWEST:
        return pd.Series(np.nan, positions.columns, dtype=float)
    known = known if predicted is None else known - predicted.loc[known.index]
    x = np.log2(known.index.to_numpy(float))
    x -= x.mean()
    return pd.Series(x @ known.to_numpy(float) / (x @ x), known.columns)


def resolved(positions: pd.DataFrame) -> pd.DataFrame:
    """The rows of log2 positions that are known in every seed and scatter by `SCATTER` at most."""
    known = positions.loc[np.isfinite(positions.to_numpy(float)).all(axis=1)]
    if known.shape[1] < 2:
        return known
    return known.loc[known.std(axis=1, ddof=1) <= SCATTER]


def falls(sizes: pd.Index, scales: pd.Series) -> pd.DataFrame:
    """Log2 of 1 / (batch size + scale), up to a constant: rows batch sizes, columns seeds.

    It is M's prediction for the best factor, with the noise scale, and S's for the onset, with the scale of
    `analysis.signature.batch_scales`.
    """
    total = sizes.to_numpy(float)[:, None] + scales.to_numpy(float)
    return pd.DataFrame(-np.log2(total), sizes, scales.index)


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    figure, (axes,) = panels(1, 3, WIDTH * 1.4, 3.0)
    best = bests(table)
    for panel, split in zip(axes, ("test", "train"), strict=False):
        losses = final(table, split, ["batch_size", "factor", "seed"])
        sizes = sorted(losses.index.unique("batch_size"))
        log_axis(panel)
        for size, color, marker in zip(sizes, sequence(len(sizes)), markers(len(sizes)), strict=True):
            lines = grid(at(losses, batch_size=size), "factor")
            over_seeds(panel, lines.index, lines, color=color, marker=marker, label=f"{size:g}")
        panel.set(xlabel="learning-rate factor", ylabel=f"final {split} loss (nats)")
        log_factor_axis(panel, sorted(losses.index.unique("factor")))
    legend(figure, axes[:1], title="batch size", loc="outside right upper")
    _best(axes[2], best)
    return figure


def _best(axes, best: pd.DataFrame) -> None:
    if np.isfinite(best.to_numpy(float)).any():
        log_factor_values(axes)
        over_seeds(axes, best.index, np.exp2(best), marker="o", color="0.2", label="best factor")
    if len(best.index):
        log_factor_axis(axes, list(best.index))
    axes.set(xlabel="batch size", ylabel="best factor, by test loss")


if __name__ == "__main__":
    _drawing.main({"batch_ladder": draw}, __doc__)
