"""A large batch against the same examples in accumulated passes, with batch norm and without.

python -m analysis.accumulation --label quick
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _publish
from analysis._runs import curve
from analysis._style import WIDTH, band, contrast, log_loss_axis
from analysis._tables import where

NORMS = {"none": "without batch norm", "batch": "with batch norm"}


def differences(table: pd.DataFrame, norm: str, split: str = "seen") -> pd.DataFrame:
    """Absolute log ratio of the losses of the two ways, after each epoch: rows are epochs, columns seeds."""
    runs = where(table, kind="RunConfig", **{"model.norm": norm})
    passes, whole = (runs["accumulate"] > 1), (runs["accumulate"] == 1)
    ratio = curve(runs.loc[passes], split) / curve(runs.loc[whole], split)
    return pd.DataFrame(np.abs(np.log(ratio))).reindex(columns=np.unique(runs["seed"]))


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH * 1.2, 3.0))
    runs = where(table, kind="RunConfig")
    for panel, (norm, title) in zip(axes, NORMS.items(), strict=False):
        of = where(runs, **{"model.norm": norm})
        for color, (count, each) in zip(contrast(), of.groupby("accumulate"), strict=False):
            size = each["batch_size"].max()
            name = f"batch {size:g}" if count == 1 else f"{count:g} passes of {size:g}"
            for split, style in (("seen", "-"), ("test", "--")):
                lines = curve(each, split)
                band(panel, lines.index, lines, color=color, linestyle=style, label=f"{name}, {split}")
        panel.set(title=title, xlabel="epoch", ylabel="loss (nats)")
        log_loss_axis(panel)
        panel.legend(frameon=False, fontsize=5.5)
    for (norm, title), color in zip(NORMS.items(), contrast(), strict=False):
        apart = differences(table, norm)
        band(axes[2], apart.index, apart.clip(lower=1e-9), color=color, label=title)
    axes[2].set(title="how far apart", xlabel="epoch", ylabel="|log ratio of training losses|", yscale="log")
    axes[2].legend(frameon=False, fontsize=5.5)
    return figure


if __name__ == "__main__":
    _publish.main({"accumulation": draw}, __doc__)
