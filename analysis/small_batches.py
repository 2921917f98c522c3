"""Small networks at three batch sizes: losses by epoch, and the last test loss; a row for each network.

python -m analysis.small_batches --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import curve, final, index_of, logs
from analysis._style import WIDTH, contrast, legend, log_axis, network_name, over_seeds, panels, seeds_at
from analysis._tables import levels, where


def of_network(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """The rows of the runs with this network."""
    return where(table, kind="RunConfig", **{"model.kind": model})


def progress(runs: pd.DataFrame) -> pd.DataFrame:
    """How fast training goes: the mean over epochs of the log of the training loss; lower is faster.

    Rows are seeds, columns batch sizes; infinite where a run diverged.
    """
    keys = ["batch_size", "seed"]
    planned = index_of(runs, keys).drop_duplicates()
    means = pd.DataFrame(np.log(curve(runs, "seen", keys))).mean().reindex(planned)
    return pd.DataFrame(means.fillna(np.inf).unstack("batch_size")).sort_index(axis=1)


def last(runs: pd.DataFrame) -> pd.DataFrame:
    """Log of the final test loss: rows are seeds, columns batch sizes; infinite where a run diverged."""
    values = final(runs, "test", ["batch_size", "seed"])
    return pd.DataFrame(logs(values).unstack("batch_size")).sort_index(axis=1)


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    models = levels(where(table, kind="RunConfig"), "model.kind")
    figure, rows = panels(len(models), 3, WIDTH * 1.2, 2.8 * max(1, len(models)))
    for axes, model in zip(rows, models, strict=False):
        _draw_network(axes, of_network(table, model))
        axes[0].set_title(network_name(model))
    return figure


def _draw_network(axes: np.ndarray, runs: pd.DataFrame) -> None:
    ends = last(runs)
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


if __name__ == "__main__":
    _drawing.main({"small_batches": draw}, __doc__)
