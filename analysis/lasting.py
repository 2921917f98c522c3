"""Lasting: what a high factor costs after annealing, and after as long again at the rates of a low one.

python -m analysis.lasting --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import final, grid
from analysis._style import WIDTH, contrast, explain, factor_name, legend, markers, over_seeds, panels
from analysis._tables import levels, pivot, where

MOMENTS = ("peak", "annealed", "end")
"""Before the first annealing, after it, and after as long again with factor 1's rates."""

LENGTH, UPDATE = "parameter_norm", "update_norm"


def norms(table: pd.DataFrame) -> list[str]:
    """The networks' norms, as the experiment lists them."""
    return [norm for norm in ("batch", "group", "layer", "none") if norm in levels(table, "model.norm")]


def losses(table: pd.DataFrame, norm: str, moment: str, split: str = "never_seen") -> pd.DataFrame:
    """A group's loss at a moment, nats: rows factors, columns seeds; NaN where the run diverged before it."""
    measured = where(table, kind="GroupLosses", metric="loss", split=split, **{"run.model.norm": norm})
    return _at(measured, moment)


def dead(table: pd.DataFrame, norm: str, moment: str) -> pd.DataFrame:
    """The share of dead units at a moment: rows factors, columns seeds."""
    return _at(where(table, kind="DeadUnits", metric="dead_units", **{"run.model.norm": norm}), moment)


def _at(measured: pd.DataFrame, moment: str) -> pd.DataFrame:
    if not measured.empty:
        half = measured["run.epochs"] / 2
        is_at = {
            "peak": measured["epoch"] < half,
            "annealed": measured["epoch"] == half,
            "end": measured["epoch"] > half,
        }
        measured = measured.loc[is_at[moment]]
    return pivot(measured, "run.factor", "run.seed").sort_index()


def difference(found: pd.DataFrame) -> pd.Series:
    """The highest factor's less the lowest's, for each seed; NaN where there are no two."""
    if len(found) < 2:
        return pd.Series(np.nan, found.columns, dtype=float)
    return pd.Series(found.iloc[-1] - found.iloc[0])


def costs(table: pd.DataFrame, norm: str = "batch") -> pd.DataFrame:
    """What the highest factor costs on images never seen, against the lowest, nats: rows `MOMENTS`."""
    return pd.DataFrame({moment: difference(losses(table, norm, moment)) for moment in MOMENTS}).T


def behind_lost_time(table: pd.DataFrame, norm: str = "batch") -> pd.Series:
    """The highest factor's loss at the end less the lowest's after its first annealing, nats.

    Both have then had as many epochs of the lowest factor's rates. Above 0 the epochs of the highest factor
    did harm, below 0 they were worth something.
    """
    end, annealed = (losses(table, norm, moment) for moment in ("end", "annealed"))
    if len(end) < 2 or annealed.empty:
        return pd.Series(np.nan, end.columns, dtype=float)
    return pd.Series(end.iloc[-1] - annealed.iloc[0])


def lengths(table: pd.DataFrame, norm: str = "batch") -> pd.DataFrame:
    """Log2 of the weights' length before the first annealing: rows factors, columns seeds."""
    measured = _seen(table, LENGTH, norm)
    peak = _peak(table)
    return _log2(pivot(measured.loc[measured["epoch"] == peak], "factor", "seed").sort_index())


def relative_updates(table: pd.DataFrame, norm: str = "batch") -> pd.DataFrame:
    """Log2 of an update's length over the weights', the mean over epochs from the first annealing on.

    Rows are factors, columns seeds; the rates are the same for all.
    """
    update, length = (_seen(table, metric, norm) for metric in (UPDATE, LENGTH))
    later = [part.loc[part["epoch"] > part["epochs"] / 2] for part in (update, length)]
    long, wide = (pivot(part, ["factor", "epoch"], "seed") for part in later)
    ratio = _log2(long) - _log2(wide)
    return pd.DataFrame(ratio.groupby(level=0).mean()) if len(ratio) else ratio


def _seen(table: pd.DataFrame, metric: str, norm: str) -> pd.DataFrame:
    return where(table, kind="RunConfig", split="seen", metric=metric, **{"model.norm": norm})


def _peak(table: pd.DataFrame) -> float:
    epochs = levels(where(table, kind="GroupLosses"), "epoch")
    return epochs[0] if epochs else np.nan


def _log2(found: pd.DataFrame) -> pd.DataFrame:
    with np.errstate(divide="ignore", invalid="ignore"):
        return pd.DataFrame(np.log2(found.to_numpy(float)), found.index, found.columns)


CHANGES = ("initial_lengths", "revived")


def changed(table: pd.DataFrame, moment: str) -> pd.DataFrame:
    """What the highest factor costs in the end on the test set, nats, with batch norm; columns seeds.

    Args:
        moment: at which runs were changed, `peak` or `annealed`.

    Returns:
        Rows `own`, of the runs as they are, and `CHANGES`, of those that were changed so at both factors
        (`research.measures.interventions`).
    """
    runs = where(table, kind="RunConfig", **{"model.norm": "batch"})
    own = grid(final(runs, "test", ["factor", "seed"]), "factor").sort_index()
    found = {"own": difference(own)}
    for change in CHANGES:
        measured = where(table, kind="Intervention", change=change, split="test", metric="loss")
        if not measured.empty:
            ended = measured["epoch"] == measured["run.epochs"]
            early = measured["config.epoch"] < measured["run.epochs"] / 2
            measured = measured.loc[ended & (early == (moment == "peak"))]
        found[change] = difference(pivot(measured, "run.factor", "run.seed").sort_index())
    return pd.DataFrame(found).T


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    every = norms(table)
    figure, axes = panels(2, max(2, len(every)), WIDTH * 1.3, 5.2)
    factors = levels(where(table, kind="RunConfig"), "factor")
    looks = list(zip(factors, contrast(len(factors)), markers(len(factors)), strict=True))
    for panel, norm in zip(axes[0], every, strict=False):
        for factor, color, marker in looks:
            found = pd.DataFrame(
                {moment: losses(table, norm, moment).reindex([factor]).iloc[0] for moment in MOMENTS}
            ).T
            style = {"color": color, "marker": marker, "label": factor_name(factor)}
            over_seeds(panel, np.arange(len(MOMENTS)), found, **style)
        panel.set_xticks(range(len(MOMENTS)), ["at the peak", "annealed", "at the end"])
        panel.set_title(f"norm: {norm}")
    axes[0, 0].set_ylabel("loss of images never seen (nats)")
    legend(axes[0, 0], title="first factor")
    for panel, metric, name in zip(
        axes[1], (LENGTH, UPDATE), ("length of the weights", "of an update"), strict=False
    ):
        panel.set_yscale("log", base=2)
        for factor, color, marker in looks:
            found = pivot(
                where(_seen(table, metric, every[0] if every else ""), factor=factor), "epoch", "seed"
            )
            if not found.empty:
                style = {"color": color, "marker": marker, "markersize": 3, "label": factor_name(factor)}
                over_seeds(panel, found.index, found, **style)
        panel.set(xlabel="epoch", ylabel=name)
    if axes.shape[1] > 2:
        panel = axes[1, 2]
        for norm, color, marker in zip(every, contrast(len(every)), markers(len(every)), strict=True):
            found = pd.DataFrame({m: difference(dead(table, norm, m)) for m in MOMENTS}).T
            style = {"color": color, "marker": marker, "label": norm}
            over_seeds(panel, np.arange(len(MOMENTS)), found, **style)
        panel.set_xticks(range(len(MOMENTS)), ["at the peak", "annealed", "at the end"])
        panel.set_ylabel("dead units: highest less lowest")
        legend(panel, title="norm")
    for panel in axes[:, 3:].ravel():
        panel.set_axis_off()
    explain(figure, f"below, lengths are those with norm: {every[0] if every else ''}")
    return figure


if __name__ == "__main__":
    _drawing.main({"lasting": draw}, __doc__)
