"""Lasting: what a high factor costs after annealing, and after as long again at the rates of a low one.

python -m analysis.lasting --label quick
"""

from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import final, grid
from analysis._style import (
    WIDTH,
    contrast,
    explain,
    factor_name,
    legend,
    log_axis,
    markers,
    over_seeds,
    panels,
)
from analysis._tables import levels, matching, pivot, where

MOMENTS = ("peak", "annealed", "end")
"""Before the first annealing, after it, and after as long again with factor 1's rates."""

LENGTH, UPDATE = "parameter_norm", "update_norm"


Network = tuple[str, str]
"""A norm and an activation."""

BATCH, LEAKY = ("batch", "relu"), ("batch", "leaky_relu")

NAMES = {"relu": "ReLU", "leaky_relu": "leaky ReLU", "gelu": "GELU"}


def of_network(table: pd.DataFrame, network: Network) -> pd.DataFrame:
    """The rows of the runs of a network, and of what was measured on them."""
    return table.loc[_is_of(table, network)]


def _is_of(table: pd.DataFrame, network: Network) -> pd.Series:
    norm, activation = network
    keep = pd.Series(False, table.index)
    for prefix in ("", "run."):
        if f"{prefix}model.norm" in table:
            keep |= matching(table, **{f"{prefix}model.norm": norm, f"{prefix}model.activation": activation})
    return keep


def networks(table: pd.DataFrame) -> list[Network]:
    """Those that there are records of: with ReLU by norm, then by activation."""
    known = [(norm, "relu") for norm in ("batch", "group", "layer", "none")]
    others = [("batch", name) for name in levels(table, "model.activation") if name != "relu"]
    return [network for network in [*known, *others] if _is_of(table, network).any()]


def losses(table: pd.DataFrame, network: Network, moment: str, split: str = "never_seen") -> pd.DataFrame:
    """A group's loss at a moment, nats: rows factors, columns seeds; NaN where the run diverged before it."""
    return _at(of_network(where(table, kind="GroupLosses", metric="loss", split=split), network), moment)


def dead(table: pd.DataFrame, network: Network, moment: str) -> pd.DataFrame:
    """The share of dead units at a moment: rows factors, columns seeds."""
    return _at(of_network(where(table, kind="DeadUnits", metric="dead_units"), network), moment)


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


def costs(table: pd.DataFrame, network: Network = BATCH) -> pd.DataFrame:
    """What the highest factor costs on images never seen, against the lowest, nats: rows `MOMENTS`."""
    return pd.DataFrame({moment: difference(losses(table, network, moment)) for moment in MOMENTS}).T


def behind_lost_time(table: pd.DataFrame, network: Network = BATCH) -> pd.Series:
    """The highest factor's loss at the end less the lowest's after its first annealing, nats.

    Both have then had as many epochs of the lowest factor's rates. Above 0 the epochs of the highest factor
    did harm, below 0 they were worth something.
    """
    end, annealed = (losses(table, network, moment) for moment in ("end", "annealed"))
    if len(end) < 2 or annealed.empty:
        return pd.Series(np.nan, end.columns, dtype=float)
    return pd.Series(end.iloc[-1] - annealed.iloc[0])


def lengths(table: pd.DataFrame, network: Network = BATCH) -> pd.DataFrame:
    """Log2 of the weights' length before the first annealing: rows factors, columns seeds."""
    measured = _seen(table, LENGTH, network)
    peak = _peak(table)
    return _log2(pivot(measured.loc[measured["epoch"] == peak], "factor", "seed").sort_index())


def relative_updates(table: pd.DataFrame, network: Network = BATCH) -> pd.DataFrame:
    """Log2 of an update's length over the weights', the mean over epochs from the first annealing on.

    Rows are factors, columns seeds; the rates are the same for all.
    """
    update, length = (_seen(table, metric, network) for metric in (UPDATE, LENGTH))
    later = [part.loc[part["epoch"] > part["epochs"] / 2] for part in (update, length)]
    long, wide = (pivot(part, ["factor", "epoch"], "seed") for part in later)
    ratio = _log2(long) - _log2(wide)
    return pd.DataFrame(ratio.groupby(level=0).mean()) if len(ratio) else ratio


def _seen(table: pd.DataFrame, metric: str, network: Network) -> pd.DataFrame:
    return of_network(where(table, kind="RunConfig", split="seen", metric=metric), network)


def _peak(table: pd.DataFrame) -> float:
    epochs = levels(where(table, kind="GroupLosses"), "epoch")
    return epochs[0] if epochs else np.nan


def _log2(found: pd.DataFrame) -> pd.DataFrame:
    with np.errstate(divide="ignore", invalid="ignore"):
        return pd.DataFrame(np.log2(found.to_numpy(float)), found.index, found.columns)


CHANGES = ("initial_lengths", "revived")
"""Made at both factors, before the first annealing and after it."""

SHAMS = ("reset_live", "reset_live_anywhere")
"""Of `revived`, after the first annealing, at both factors."""


def ended(table: pd.DataFrame, change: str, moment: str = "annealed", metric: str = "loss") -> pd.DataFrame:
    """What is measured at the end of runs that were changed: rows factors, columns seeds.

    Args:
        change: of `research.measures.interventions`; `own`: none, the runs as they are.
        moment: at which runs were changed, `peak` or `annealed`.
        metric: `loss`, on the test set, nats; or of dead units, where they are counted.
    """
    if change == "own":
        runs = of_network(where(table, kind="RunConfig"), BATCH)
        return grid(final(runs, "test", ["factor", "seed"]), "factor").sort_index()
    split = "test" if metric == "loss" else "train"
    measured = where(table, kind="Intervention", change=change, split=split, metric=metric)
    if not measured.empty:
        at_end = measured["epoch"] == measured["run.epochs"]
        early = measured["config.epoch"] < measured["run.epochs"] / 2
        measured = measured.loc[at_end & (early == (moment == "peak"))]
    return pivot(measured, "run.factor", "run.seed").sort_index()


def at(found: pd.DataFrame, table: pd.DataFrame, which: Literal["lowest", "highest"]) -> pd.Series:
    """One factor's row, of those that runs have; NaN for each seed where it is missing."""
    factors = levels(where(table, kind="RunConfig"), "factor")
    if len(factors) < 2:
        return pd.Series(np.nan, found.columns, dtype=float)
    return pd.Series(found.reindex([factors[0] if which == "lowest" else factors[-1]]).iloc[0])


def changed(table: pd.DataFrame, moment: str) -> pd.DataFrame:
    """What the highest factor costs in the end on the test set, nats, in the network `BATCH`; columns seeds.

    Args:
        moment: at which runs were changed, `peak` or `annealed`.

    Returns:
        Rows `own`, of the runs as they are, `CHANGES` and `SHAMS`, of those that were changed so at both
        factors (`research.measures.interventions`); `killed`, of the lowest factor's runs with what the
        highest kills killed; `restarted` and `restarted_killed`, begun anew: these less the lowest's own.
    """
    found = {change: difference(ended(table, change, moment)) for change in ("own", *CHANGES, *SHAMS)}
    own = at(ended(table, "own"), table, "lowest")
    for change in ("killed", "restarted", "restarted_killed"):
        which = "lowest" if change == "killed" else "highest"
        found[change] = at(ended(table, change, moment), table, which) - own
    return pd.DataFrame(found).T


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    figure, axes = panels(2, 3, WIDTH * 1.5, 6.3)
    factors = levels(where(table, kind="RunConfig"), "factor")
    looks = list(zip(factors, contrast(len(factors)), markers(len(factors)), strict=True))
    for panel, quantity, label in (
        (axes[0, 0], losses, "loss of images never seen (nats)"),
        (axes[0, 1], dead, "share of dead units"),
    ):
        found = {moment: quantity(table, BATCH, moment) for moment in MOMENTS}
        for factor, color, marker in looks:
            values = pd.DataFrame({m: of.reindex([factor]).iloc[0] for m, of in found.items()}).T
            _over_moments(panel, values, color=color, marker=marker, label=factor_name(factor))
        panel.set_ylabel(label)
    legend(axes[0, 0], title="first factor")
    _changes(axes[0, 2], table)
    for panel, metric, label in (
        (axes[1, 0], LENGTH, "length of the weights"),
        (axes[1, 1], UPDATE, "length of an update"),
    ):
        log_axis(panel)
        for factor, color, marker in looks:
            found = pivot(where(_seen(table, metric, BATCH), factor=factor), "epoch", "seed")
            style = {"color": color, "marker": marker, "markersize": 3}
            if not found.empty:
                over_seeds(panel, found.index, found, label=factor_name(factor), **style)
        panel.set(xlabel="epoch", ylabel=label)
    every = networks(table)
    for network, color, marker in zip(every, contrast(len(every)), markers(len(every)), strict=True):
        style = {"color": color, "marker": marker, "label": in_words(network)}
        _over_moments(axes[1, 2], costs(table, network), **style)
    axes[1, 2].set_ylabel("cost of the highest factor (nats)")
    beneath: dict[str, Any] = {
        "loc": "upper center",
        "bbox_to_anchor": (0.5, -0.1),
    }  # lines are everywhere else
    legend(axes[1, 2], title="norm, activation", ncols=2, **beneath)
    explain(figure, "all but the last panel with batch norm and ReLU; costs at the end are of the test set")
    return figure


def in_words(network: Network) -> str:
    """`batch, leaky ReLU`, say."""
    norm, activation = network
    return f"{norm}, {NAMES.get(activation, activation)}"


def _over_moments(axes: Axes, found: pd.DataFrame, **style: Any) -> None:
    over_seeds(axes, np.arange(len(MOMENTS)), found, **style)
    axes.set_xticks(range(len(MOMENTS)), ["at the peak", "annealed", "at the end"])


def _changes(axes: Axes, table: pd.DataFrame) -> None:
    """The highest factor's cost in the end, of runs as they are and of those that were changed."""
    axes.axhline(0, color="0.5", linewidth=0.8, linestyle=":")
    for moment, color, marker in zip(("peak", "annealed"), contrast(2), markers(2), strict=True):
        found = changed(table, moment)
        style = {"color": color, "marker": marker, "linestyle": "none"}
        when = "before annealing" if moment == "peak" else "after it"
        over_seeds(axes, np.arange(len(found)), found, label=f"changed {when}", **style)
    names = ["as it is", "scaled back", "revived", "live reset", "live, anywhere", "killed at 1", "anew"]
    names += ["anew, killed"]
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_ylabel("cost at the end (nats)")
    legend(axes)


if __name__ == "__main__":
    _drawing.main({"lasting": draw}, __doc__)
