"""Time per example and memory of a step against batch size.

python -m analysis.throughput --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._style import WIDTH, contrast, explain, legend, log_axis, log_factor_axis, over_seeds, panels
from analysis._tables import pivot, where


def steps(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """What was measured of a step: rows are batch sizes, columns repetitions."""
    measured = where(table, kind="Throughput", split="step", metric=metric)
    return pivot(measured, "run.batch_size", "run.seed")


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    seconds, memory = steps(table, "seconds"), steps(table, "memory")
    figure, (axes,) = panels(1, 2, WIDTH, 3.0, sharex=True)
    each = seconds.div(seconds.index.to_numpy(float), axis=0) * 1e6
    power = (np.log2(memory.index.to_numpy(float)) % 1) == 0
    for panel, values in ((axes[0], each), (axes[1], memory / 1e6)):
        log_axis(panel)
        twos = values.reindex(memory.index[power])
        style = {"color": contrast()[0], "marker": "o", "label": "powers of two"}
        over_seeds(panel, twos.index, twos, each="repetition", **style)
        others = values.reindex(memory.index[~power]).median(axis=1)
        others = others.where(others > 0)
        panel.scatter(others.index, others, color=contrast()[1], marker="x", zorder=3, label="others")
        panel.set(xlabel="batch size")
        log_factor_axis(panel, list(memory.index[power]))
    full = steps(table, "out_of_memory").max(axis=1)
    for size in full.index[full.to_numpy() > 0]:
        axes[1].annotate("does not fit", (size, 0.95), xycoords=("data", "axes fraction"), fontsize=6)
    axes[0].set_ylabel("time per example (microseconds)")
    axes[1].set_ylabel("memory of a step (MB)")
    legend(axes[0])
    explain(figure, "repetitions in the place of seeds; crosses: medians")
    return figure


if __name__ == "__main__":
    _drawing.main({"throughput": draw}, __doc__)
