"""Loss against examples seen: a learning rate that drops, a batch that grows instead, and neither.

python -m analysis.grow_batch --label quick
"""

import json

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import curve
from analysis._style import WIDTH, contrast, legend, log_axis, over_seeds, panels
from analysis._tables import levels, where

KINDS = {"decayed": "rate drops to a quarter", "grown": "batch grows fourfold", "fixed": "neither"}


def by_kind(table: pd.DataFrame) -> pd.DataFrame:
    """The runs with the column `change`: decayed, grown or fixed."""
    runs = where(table, kind="RunConfig")
    grows = np.array([bool(json.loads(text)) for text in runs["grow_at"]], bool)
    decays = (runs["schedule.name"] == "multistep").to_numpy(bool)
    return runs.assign(change=np.select([grows, decays], ["grown", "decayed"], "fixed"))


def changes_at(table: pd.DataFrame) -> list[float]:
    """The epochs at which the rate drops or the batch grows."""
    return max((json.loads(text) for text in levels(table, "grow_at")), key=len, default=[])


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    runs = by_kind(table)
    images = runs["subset_size"].max()
    figure, (axes,) = panels(1, 2, WIDTH, 3.0, sharex=True)
    for panel, (split, label) in zip(
        axes, {"seen": "training loss (nats)", "test": "test loss (nats)"}.items(), strict=True
    ):
        log_axis(panel)
        for (change, name), color in zip(KINDS.items(), contrast(), strict=False):
            lines = curve(where(runs, change=change), split)
            over_seeds(panel, lines.index * images, lines, color=color, label=name)
        for epoch in changes_at(runs):
            panel.axvline(epoch * images, color="0.5", linewidth=0.8, linestyle=":")
        panel.set(xlabel="examples seen", ylabel=label)
    legend(axes[0])
    return figure


if __name__ == "__main__":
    _drawing.main({"grow_batch": draw}, __doc__)
