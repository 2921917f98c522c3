"""Averaging: test loss of the last weights and of their averages, at every factor.

python -m analysis.averaging --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import final, grid, over_lower
from analysis._style import WIDTH, contrast, legend, log_axis, log_factor_axis, markers, over_seeds, panels
from analysis._tables import levels, where

PLAIN, AVERAGE = "test", "test_average"
LAST = "last"


def losses(table: pd.DataFrame, split: str, kind: str, epochs: float | None = None) -> pd.DataFrame:
    """Final loss of the weights (`PLAIN`) or of their average, nats: rows factors, columns seeds.

    Args:
        kind: of average: `exponential`, `uniform`, or `last`, the last weights with statistics anew.
        epochs: it spans; None: `last` spans none.
    """
    runs = where(table, kind="RunConfig", **{"averaging.kind": kind})
    if epochs is not None:
        runs = where(runs, **{"averaging.epochs": epochs})
    return grid(final(runs, split, ["factor", "seed"]), "factor")


def spans(table: pd.DataFrame) -> list[float]:
    """Epochs that the averages span, ascending."""
    return levels(where(table, kind="RunConfig"), "averaging.epochs")


def costs(table: pd.DataFrame, chance: float, factor: float) -> pd.DataFrame:
    """What a factor costs weights against the lowest loss of the same weights at a lower factor, nats.

    Each kind against its own lowest: an average that is better by as much at every factor takes nothing off
    a factor's cost. The average is the uniform one nearest to an epoch: one pass over the data. All have
    batch-norm statistics estimated anew. A run that diverged counts as a guess, as one does that is worse.

    Args:
        chance: the loss of a guess, nats.

    Returns:
        Rows `last`, of the last weights, and `average`, of their average; columns seeds. NaN without this
        factor or a lower one.
    """
    every = spans(table)
    near = min(every, key=lambda span: abs(np.log2(span))) if every else None
    kinds = {"last": (LAST, None), "average": ("uniform", near)}
    found = {
        name: over_lower(losses(table, AVERAGE, *kind).clip(upper=chance), factor)
        for name, kind in kinds.items()
    }
    return pd.DataFrame(found).T


def lag(table: pd.DataFrame, chance: float) -> pd.Series:
    """What running statistics cost the last weights at the highest factor, against statistics anew, nats."""
    running, anew = (losses(table, split, LAST).sort_index().clip(upper=chance) for split in (PLAIN, AVERAGE))
    if running.empty or anew.empty:
        return pd.Series(np.nan, running.columns, dtype=float)
    return pd.Series(running.iloc[-1] - anew.iloc[-1])


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    kinds = [kind for kind in levels(where(table, kind="RunConfig"), "averaging.kind") if kind != LAST]
    every = spans(table)
    figure, (axes,) = panels(1, max(1, len(kinds)), WIDTH, 3.0, sharey=True)
    for panel, kind in zip(axes, kinds, strict=False):
        log_axis(panel)
        for name, split, style in (("running statistics", PLAIN, ":"), ("statistics anew", AVERAGE, "-")):
            found = losses(table, split, LAST)
            drawn = {"color": "0.2", "marker": "o", "linestyle": style, "label": f"last weights, {name}"}
            over_seeds(panel, found.index, found, **drawn)
        for epochs, color, marker in zip(every, contrast(len(every)), markers(len(every)), strict=True):
            found = losses(table, AVERAGE, kind, epochs)
            name = f"averaged over {epochs:g} epoch" + ("" if epochs == 1 else "s")
            over_seeds(panel, found.index, found, color=color, marker=marker, label=name)
        log_factor_axis(panel, levels(table, "factor"))
        panel.set(title=kind, xlabel="learning-rate factor")
    axes[0].set_ylabel("final test loss (nats)")
    legend(figure, axes[:1], loc="outside upper center", ncols=3)
    return figure


if __name__ == "__main__":
    _drawing.main({"averaging": draw}, __doc__)
