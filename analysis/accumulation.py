"""A large batch against the same examples in accumulated passes, with batch norm and without.

python -m analysis.accumulation --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import curve
from analysis._style import WIDTH, contrast, explain, legend, log_axis, over_seeds, panels
from analysis._tables import levels, where

EQUAL = 1e-9  # drawn in place of 0, which has no place on a log axis
NORMS = {"none": "without batch norm", "batch": "with batch norm"}


def differences(table: pd.DataFrame, norm: str, split: str = "seen") -> pd.DataFrame:
    """Absolute log ratio of the losses of the two ways, after each epoch: rows are epochs, columns seeds."""
    runs = where(table, kind="RunConfig", **{"model.norm": norm})
    passes, whole = (runs["accumulate"] > 1), (runs["accumulate"] == 1)
    ratio = curve(runs.loc[passes], split) / curve(runs.loc[whole], split)
    return pd.DataFrame(np.abs(np.log(ratio))).reindex(columns=np.unique(runs["seed"]))


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    figure, ((*sides, apart),) = panels(1, 3, WIDTH * 1.2, 3.0)
    runs = where(table, kind="RunConfig")
    for panel, (norm, title) in zip(sides, NORMS.items(), strict=True):
        log_axis(panel)
        of = where(runs, **{"model.norm": norm})
        counts = levels(of, "accumulate")
        for color, count in zip(contrast(len(counts)), counts, strict=True):
            each = where(of, accumulate=count)
            size = each["batch_size"].max()
            name = f"batch {size:g}" if count == 1 else f"{count:g} passes of {size:g}"
            for split, style in (("seen", "-"), ("test", "--")):
                lines = curve(each, split)
                over_seeds(panel, lines.index, lines, color=color, linestyle=style, label=f"{name}, {split}")
        panel.set(title=title, xlabel="epoch", ylabel="loss (nats)")
        legend(panel, fontsize=5.5)
    log_axis(apart)
    for (norm, title), color in zip(NORMS.items(), contrast(), strict=False):
        found = differences(table, norm)
        over_seeds(apart, found.index, found.clip(lower=EQUAL), color=color, label=title)
    apart.set(title="how far apart", xlabel="epoch", ylabel="|log ratio of training losses|")
    legend(apart, fontsize=5.5)
    explain(figure, f"{EQUAL:g}: equal, or closer than that")
    return figure


if __name__ == "__main__":
    _drawing.main({"accumulation": draw}, __doc__)
