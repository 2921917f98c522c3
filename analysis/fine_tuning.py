"""Final test loss against rate at several batch sizes: after training on half of the classes, and without.

python -m analysis.fine_tuning --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import at, final, grid, logs
from analysis._style import (
    WIDTH,
    contrast,
    explain,
    leave_out_far_values,
    legend,
    log_axis,
    log_factor_axis,
    markers,
    over_seeds,
    panels,
    seeds_at,
)
from analysis._tables import levels, where

STARTS = {"tuned": "fine-tuned", "scratch": "from scratch"}


def by_batch(table: pd.DataFrame) -> pd.DataFrame:
    """The runs with the columns `start` (tuned or scratch), `batch` (examples per update of the part that is
    compared) and `rate` (its learning-rate factor).
    """
    runs = where(table, kind="RunConfig")
    grown = np.where(runs["grow_at"] == "[]", 1, runs["grow_by"])
    return runs.assign(
        start=np.where(runs["order.kind"] == "half_classes", "tuned", "scratch"),
        batch=runs["batch_size"] * runs["accumulate"] * grown,
        rate=runs["factor"] / grown,
    )


def losses(table: pd.DataFrame) -> pd.Series:
    """Log of the final test loss by (start, batch, rate, seed); infinite where a run diverged."""
    return logs(final(by_batch(table), "test", ["start", "batch", "rate", "seed"]))


def larger_over_smallest(table: pd.DataFrame, start: str) -> pd.Series:
    """Log of the best larger batch's final test loss over the smallest batch's, each at its best rate.

    Which batch and which rates are best is decided by the other seeds: a seed that judged its own would look
    better than it is, and of more choices more so. A value for each seed; undefined with one.

    Args:
        start: `tuned` or `scratch`.
    """
    found, seeds = losses(table), levels(where(table, kind="RunConfig"), "seed")
    values = pd.DataFrame(at(found, start=start).droplevel("start").unstack("seed")).reindex(columns=seeds)
    effects = pd.Series(np.nan, seeds, dtype=float)
    sizes = values.index.get_level_values("batch")
    if len(seeds) < 2 or sizes.nunique() < 2:
        return effects
    for seed in seeds:
        others = values.drop(columns=seed).mean(axis=1, skipna=False)
        parts = (sizes > sizes.min(), sizes == sizes.min())
        larger, smallest = (pd.Series(others[part]).dropna() for part in parts)
        if len(larger) and len(smallest):
            pair = values.loc[larger.idxmin(), seed], values.loc[smallest.idxmin(), seed]
            effects[seed] = pair[0] - pair[1] if np.isfinite(pair).all() else np.nan
    return effects


def best(table: pd.DataFrame, start: str) -> pd.DataFrame:
    """Each seed's log test loss at the rate that is best by the other seeds: rows are batch sizes.

    With one seed there are no others: NaN.
    """
    found = at(losses(table), start=start).droplevel("start")
    values = pd.DataFrame(found.unstack("seed"))
    chosen = pd.DataFrame(np.nan, sorted(set(values.index.get_level_values("batch"))), values.columns)
    for seed in values if values.shape[1] > 1 else ():
        others = values.drop(columns=seed).mean(axis=1, skipna=False).dropna()
        for size, place in others.groupby(level="batch").idxmin().items():
            chosen.loc[size, seed] = values.loc[place, seed]
    return chosen


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    runs, found = by_batch(table), losses(table)
    figure, (axes,) = panels(1, 3, WIDTH * 1.2, 3.0, sharey=True)
    sizes = levels(runs, "batch")
    looks = list(zip(sizes, contrast(len(sizes)), markers(len(sizes)), strict=True))
    for panel in axes:
        log_axis(panel)
    for panel, (start, title) in zip(axes, STARTS.items(), strict=False):
        for size, color, marker in looks:
            of = at(found, start=start, batch=size).droplevel(["start", "batch"])
            lines = pd.DataFrame(np.exp(grid(of, "rate")))
            over_seeds(panel, lines.index, lines, color=color, marker=marker, label=f"batch {size:g}")
        log_factor_axis(panel, levels(runs, "rate"))
        panel.set(xlabel="learning-rate factor", title=title)
    axes[0].set_ylabel("final test loss (nats)")
    places = {}
    for part, start in enumerate(STARTS):
        chosen = pd.DataFrame(np.exp(best(table, start)))
        for index, (size, color, marker) in enumerate(looks):
            places[part * (len(looks) + 1) + index] = f"{size:g}"
            if size in chosen.index:
                place = part * (len(looks) + 1) + index
                seeds_at(
                    axes[2], place, chosen.loc[size], color=color, marker=marker, label=f"batch {size:g}"
                )
    axes[2].set_xticks(list(places), list(places.values()))
    axes[2].set(title="at its best rate", xlabel=" batch: " + ", then ".join(STARTS.values()))
    legend(axes[0])
    beyond = leave_out_far_values(axes[0], np.exp(found), "losses")
    explain(figure, f"best rates: chosen by the other seeds{beyond}")
    return figure


if __name__ == "__main__":
    _drawing.main({"fine_tuning": draw}, __doc__)
