"""LeNet-5 at three batch sizes: training and test loss by epoch, and the last test loss with its interval.

python -m analysis.lenet --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import curve, final, index_of, logs
from analysis._style import WIDTH, contrast, legend, log_axis, over_seeds, panels, seeds_at
from analysis._tables import where


def progress(table: pd.DataFrame) -> pd.DataFrame:
    """How fast training goes: the mean over epochs of the log of the training loss; lower is faster.

    Rows are seeds, columns batch sizes; infinite where a run diverged.
    """
    runs = where(table, kind="RunConfig")
    keys = ["batch_size", "seed"]
    planned = index_of(runs, keys).drop_duplicates()
    means = pd.DataFrame(np.log(curve(runs, "seen", keys))).mean().reindex(planned)
    return pd.DataFrame(means.fillna(np.inf).unstack("batch_size")).sort_index(axis=1)


def last(table: pd.DataFrame) -> pd.DataFrame:
    """Log of the final test loss: rows are seeds, columns batch sizes; infinite where a run diverged."""
    values = final(table, "test", ["batch_size", "seed"])
    return pd.DataFrame(logs(values).unstack("batch_size")).sort_index(axis=1)


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    runs = where(table, kind="RunConfig")
    ends = last(table)
    figure, (axes,) = panels(1, 3, WIDTH * 1.2, 3.0)
    colors = contrast(ends.shape[1])
    for panel in axes:
        log_axis(panel)
    for size, color in zip(ends, colors, strict=True):
        for panel, split in ((axes[0], "seen"), (axes[1], "test")):
            lines = curve(where(runs, batch_size=size), split)
            over_seeds(panel, lines.index, lines, color=color, label=f"batch {size:g}")
    for panel, name in ((axes[0], "training"), (axes[1], "test")):
        panel.set(xlabel="epoch", ylabel=f"{name} loss (nats)")
    legend(axes[0])
    for place, (size, color) in enumerate(zip(ends, colors, strict=True)):
        seeds_at(axes[2], place, np.exp(ends[size]), color=color, label=f"batch {size:g}")
    axes[2].set_xticks(range(ends.shape[1]), [f"{size:g}" for size in ends])
    axes[2].set(xlabel="batch size", ylabel="final test loss (nats)")
    return figure


if __name__ == "__main__":
    _drawing.main({"lenet": draw}, __doc__)
