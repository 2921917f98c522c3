"""Sharpness and test loss at the end: small batch, large batch, and large batch trained for as many steps.

python -m analysis.sharpness_gap --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import final
from analysis._style import WIDTH, contrast, panels, seeds_at
from analysis._tables import pivot, where

NAMES = ("small", "large", "longer")


def ends(table: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """A quantity at the runs' ends: rows are seeds; columns small, large, longer (for equal steps).

    Args:
        quantity: `sharpness`, the largest eigenvalue of the training loss; `test` or `train`, a final loss in
            nats; `gap`, test less training loss. Infinite where the run diverged, NaN where it is missing.
    """
    runs = where(table, kind="RunConfig")
    sizes, lengths = runs["batch_size"], runs["epochs"]
    which = {
        "small": (sizes.min(), lengths.min()),
        "large": (sizes.max(), lengths.min()),
        "longer": (sizes.max(), lengths.max()),
    }
    if quantity == "gap":
        return ends(table, "test") - ends(table, "train")
    if quantity == "sharpness":
        measured = where(table, kind="Sharpness", split="train", metric="top_eigenvalue")
        keys = ["run.batch_size", "run.epochs", "run.seed"]
        values = pivot(measured, keys, "metric").stack().droplevel("metric")
    else:
        values = final(table, quantity, ["batch_size", "epochs", "seed"])
    seeds = np.unique(runs["seed"])
    return pd.DataFrame(
        {name: [values.get((*place, seed), np.nan) for seed in seeds] for name, place in which.items()},
        index=seeds,
    )


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    labels = {"sharpness": "largest eigenvalue", "test": "test loss (nats)", "gap": "test less training loss"}
    runs = where(table, kind="RunConfig")
    small, large = runs["batch_size"].min(), runs["batch_size"].max()
    ticks = [f"batch {small:g}", f"batch {large:g},\nequal epochs", f"batch {large:g},\nequal steps"]
    figure, (axes,) = panels(1, len(labels), WIDTH, 2.8)
    for panel, (quantity, label) in zip(axes, labels.items(), strict=True):
        values = ends(table, quantity)
        for index, name in enumerate(NAMES):
            seeds_at(panel, index, values[name], color=contrast()[index], label=name)
        panel.set_xticks(range(len(NAMES)), ticks, fontsize=6)
        panel.set_xlim(-0.5, len(NAMES) - 0.5)
        panel.set_ylabel(label)
    return figure


if __name__ == "__main__":
    _drawing.main({"sharpness_gap": draw}, __doc__)
