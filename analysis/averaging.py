"""Averaging: test loss of the weights and of their averages, at every factor.

python -m analysis.averaging --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import at, final, grid
from analysis._style import WIDTH, contrast, legend, log_axis, log_factor_axis, markers, over_seeds, panels
from analysis._tables import levels, where
from analysis.quantities import FLAT_SHARE

PLAIN, AVERAGE = "test", "test_average"
KEYS = ["averaging.kind", "averaging.epochs", "factor", "seed"]


def losses(table: pd.DataFrame, split: str, kind: str, epochs: float) -> pd.DataFrame:
    """Final loss of the weights (`PLAIN`) or of their average, nats: rows factors, columns seeds.

    Args:
        kind: of average: `exponential` or `uniform`.
        epochs: it spans.
    """
    runs = where(table, kind="RunConfig")
    if not {"averaging.kind", "averaging.epochs"} <= set(runs.columns):
        return grid(
            pd.Series(dtype=float, index=pd.MultiIndex.from_arrays([[], []], names=KEYS[2:])), "factor"
        )
    part = at(final(runs, split, KEYS), **{"averaging.kind": kind, "averaging.epochs": epochs})
    return grid(part.droplevel([0, 1]), "factor")


def spans(table: pd.DataFrame) -> list[float]:
    """Epochs that the averages span, ascending."""
    return levels(where(table, kind="RunConfig"), "averaging.epochs")


def cost(table: pd.DataFrame, split: str, chance: float) -> pd.Series:
    """What a factor costs where the loss rises, against the lowest loss at any factor, nats.

    That factor is the first above the best at which the mean over seeds has risen by `FLAT_SHARE` of the way
    to a guess: it is there that something limits the rate. The average is the uniform one nearest to an
    epoch: one pass over the data. A run that diverged counts as a guess, as one does that is worse. NaN where
    no loss rises.

    Args:
        split: of the weights themselves, or of their average at the same factor.
        chance: the loss of a guess, nats.
    """
    every = spans(table)
    if not every:
        return pd.Series(dtype=float)
    epochs = min(every, key=lambda span: abs(np.log2(span)))
    plain, chosen = (
        losses(table, of, "uniform", epochs).sort_index().clip(upper=chance) for of in (PLAIN, split)
    )
    curve = plain.mean(axis=1, skipna=False)
    lowest = curve.min()
    risen = (
        curve.index[
            (curve - lowest >= FLAT_SHARE * (chance - lowest)) & (curve.index > curve.fillna(np.inf).idxmin())
        ]
        if len(curve) and lowest < chance
        else []
    )
    if not len(risen) or risen[0] not in chosen.index:
        return pd.Series(np.nan, plain.columns, dtype=float)
    return pd.Series(chosen.loc[risen[0]] - plain.min(skipna=False))


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    kinds = levels(where(table, kind="RunConfig"), "averaging.kind")
    every = spans(table)
    figure, (axes,) = panels(1, len(kinds), WIDTH, 3.0, sharey=True)
    for panel, kind in zip(axes, kinds, strict=False):
        log_axis(panel)
        if every:
            plain = losses(table, PLAIN, kind, every[-1])
            over_seeds(panel, plain.index, plain, color="0.2", marker="o", label="not averaged")
        for epochs, color, marker in zip(every, contrast(len(every)), markers(len(every)), strict=True):
            found = losses(table, AVERAGE, kind, epochs)
            name = f"{epochs:g} epoch" + ("" if epochs == 1 else "s")
            over_seeds(panel, found.index, found, color=color, marker=marker, label=name)
        log_factor_axis(panel, levels(table, "factor"))
        panel.set(title=kind, xlabel="learning-rate factor")
    axes[0].set_ylabel("final test loss (nats)")
    legend(axes[0], title="averaged over")
    return figure


if __name__ == "__main__":
    _drawing.main({"averaging": draw}, __doc__)
