"""Signature: sharpness over its threshold, of the whole loss and of single batches, beside the test loss.

python -m analysis.signature --label quick
"""

from functools import cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import at, final, grid
from analysis._style import WIDTH, contrast, explain, legend, log_axis, log_factor_axis, over_seeds, panels
from analysis._tables import levels, pivot, where
from analysis.quantities import SCATTER, batch_edge, flat_region

WHOLE, BATCH = ("train", "top_eigenvalue"), ("batch", "batch_sharpness")
ALONG = ("batch", "full_sharpness")
"""The full loss's curvature along batches' gradients: batch sharpness is above it as far as batches scatter.

Older records lack it. The largest eigenvalue is at least as large, so that a scatter held against it is the
least that there may be: the edge is then known between two levels only.
"""
KEYS = ["run.batch_size", "run.factor"]


def ratios(table: pd.DataFrame, of: tuple[str, str]) -> pd.DataFrame:
    """Sharpness over its threshold at the run's rate: rows (batch size, factor), columns seeds.

    The threshold of the largest eigenvalue is the optimizer's own; that of batch sharpness is the middle, in
    logarithms, of the two levels of `edges`, with no free number.

    Args:
        of: `WHOLE`, the largest eigenvalue of the whole loss; or `BATCH`, batch sharpness.
    """
    if of == WHOLE:
        return _measured(table, WHOLE) / _measured(table, ("optimizer", "threshold"))
    low, high = edges(table)
    rate = _measured(table, ("optimizer", "learning_rate"))
    return _measured(table, BATCH) * rate / (low * high) ** 0.5


def edges(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Between which levels of batch sharpness x rate the edge of such batches lies, as `ratios` has rows.

    Where the full loss's curvature along batches' gradients was measured they are one, the edge of batches
    that scatter so (`analysis.quantities.batch_edge`). Else the edge is at most that of the least scatter
    there may be, and at least that of batches that are all scatter, 2 (1 - b).
    """
    measured = where(table, kind="Sharpness")
    b = float((levels(measured, "run.optimizer.momentum") or [0.0])[0])
    nesterov = bool((levels(measured, "run.optimizer.nesterov") or [False])[0])
    batch, known = _measured(table, BATCH), is_scatter_known(table)
    excess = batch / _measured(table, ALONG if known else WHOLE) - 1
    high = excess.map(lambda value: _edge(value, b, nesterov))
    return (high if known else high.clip(upper=2 * (1 - b))), high


def is_scatter_known(table: pd.DataFrame) -> bool:
    """Whether the records have what batch sharpness is above as far as batches scatter."""
    return not where(table, kind="Sharpness", split=ALONG[0], metric=ALONG[1]).empty


def unknown(table: pd.DataFrame) -> float:
    """Half of the doublings between the two levels of `edges`: mean over the smallest batch's runs."""
    low, high = edges(table)
    if low.empty:
        return 0.0
    smallest = low.index.get_level_values(0) == low.index.get_level_values(0).min()
    apart = np.log2((high / low).loc[smallest].to_numpy(float))
    return float(np.nanmean(apart)) / 2 if np.isfinite(apart).any() else 0.0


def _measured(table: pd.DataFrame, of: tuple[str, str]) -> pd.DataFrame:
    return pivot(where(table, kind="Sharpness", split=of[0], metric=of[1]), KEYS, "run.seed")


@cache
def _edge(excess: float, momentum: float, nesterov: bool) -> float:
    return batch_edge(excess, momentum, nesterov) if np.isfinite(excess) else np.nan


def batch_scales(table: pd.DataFrame) -> pd.Series:
    """How many examples a batch has at which its own curvature is twice the whole loss's, for each seed.

    If single batches scatter as examples do, batch sharpness is (1 + scale / B) times the full loss's along
    the same gradients. Read off the smallest batch size, at the factor nearest 1; 0 where batch sharpness is
    no larger. In older records, which have the largest eigenvalue alone (`ALONG`), the least that it may be.
    """
    measured = where(table, kind="Sharpness")
    sizes, factors = levels(measured, "run.batch_size"), levels(measured, "run.factor")
    if not sizes or not factors:
        return pd.Series(dtype=float)
    factor = min(factors, key=lambda value: abs(np.log2(value)))
    of = where(measured, **{"run.batch_size": sizes[0], "run.factor": factor})
    batch, whole = (
        pd.Series(where(of, split=split, metric=metric).groupby("run.seed")["value"].mean(), dtype=float)
        for split, metric in (BATCH, ALONG if is_scatter_known(table) else WHOLE)
    )
    scale = sizes[0] * (batch / whole - 1).clip(lower=0)
    return scale.where(whole > 0).rename_axis("seed")


def at_the_rise(table: pd.DataFrame, of: tuple[str, str], chance: float, which: int = 0) -> pd.Series:
    """Log2 of `ratios` where the test loss of a batch size rises, for each seed.

    That is at the high end of the flat region (`analysis.quantities.flat_region`), interpolated in log2 of
    the factor between measurements; NaN where the loss does not rise within the sweep, a run is missing, or
    the seeds disagree by more than `SCATTER` on where it rises.

    Args:
        chance: the loss of a guess, nats.
        which: of the batch sizes measured; 0 for the smallest, -1 for the largest.
    """
    found = ratios(table, of)
    sizes = sorted(found.index.unique(0))
    if not sizes:
        return pd.Series(dtype=float)
    curves = at(final(table, "test", ["batch_size", "seed", "factor"]), batch_size=sizes[which])
    losses = curves.droplevel("batch_size").unstack("factor").sort_index(axis=1)
    factors = losses.columns.to_numpy(float)
    places = [
        flat_region(factors, row, chance)[1] if len(factors) > 1 else np.nan for row in losses.to_numpy(float)
    ]
    if len(places) > 1 and not np.std(places, ddof=1) <= SCATTER:  # NaN is not, either
        return pd.Series(np.nan, losses.index, dtype=float)
    of_size, rises = found.loc[sizes[which]], {}
    for seed, place in zip(losses.index, places, strict=True):
        rises[seed] = np.nan
        if seed not in found:
            continue
        measured = of_size[seed].dropna()
        x = np.log2(measured.index.to_numpy(float))
        if len(x) and x[0] <= place <= x[-1] and place < np.log2(factors[-1]):
            with np.errstate(invalid="ignore", divide="ignore"):
                rises[seed] = np.interp(place, x, np.log2(measured.to_numpy(float)))
    return pd.Series(rises, dtype=float)


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    of_whole, of_batch = ratios(table, WHOLE), ratios(table, BATCH)
    losses = final(table, "test", ["batch_size", "factor", "seed"])
    sizes = sorted(losses.index.unique("batch_size"))
    figure, axes = panels(2, len(sizes), WIDTH * 1.3, 4.6, sharex=True, sharey="row")
    names = ("largest eigenvalue", "batch sharpness")
    spread = 2 ** unknown(table)
    for (above, below), size in zip(axes.T, sizes, strict=False):
        log_axis(above)
        log_axis(below)
        lines = grid(at(losses, batch_size=size), "factor")
        over_seeds(above, lines.index, lines, color="0.2", marker="o", label="test loss")
        for name, found, color in zip(names, (of_whole, of_batch), contrast(), strict=False):
            if size in found.index.unique(0):
                part = found.loc[size]
                over_seeds(below, part.index, part, color=color, marker="o", label=name)
        below.axhline(1, color="0.5", linewidth=0.8, linestyle=":")
        if spread > 1:
            below.axhspan(1 / spread, spread, color="0.5", alpha=0.15, linewidth=0)
        above.set_title(f"batch {size:g}")
        below.set_xlabel("learning-rate factor")
        log_factor_axis(below, sorted(losses.index.unique("factor")))
    axes[0, 0].set_ylabel("final test loss (nats)")
    axes[1, 0].set_ylabel("over its threshold")
    legend(axes[1, 0])
    if spread > 1:
        explain(figure, "grey: where the edge of batches may lie, their scatter not having been measured")
    return figure


if __name__ == "__main__":
    _drawing.main({"signature": draw}, __doc__)
