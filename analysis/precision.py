"""Time and memory of a step and final loss in smaller data types, beside a larger batch in float32.

python -m analysis.precision --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import final, logs
from analysis._style import (
    WIDTH,
    contrast,
    explain,
    legend,
    log_axis,
    log_factor_axis,
    markers,
    over_seeds,
    panels,
    seeds_at,
)
from analysis._tables import levels, pivot, where

REFERENCE = "float32"


def costs(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """What a step costs: rows are (precision, batch size), columns repetitions.

    Args:
        metric: `seconds`, for each example; or `memory`, bytes of the whole step.
    """
    measured = where(table, kind="Throughput", split="step", metric=metric)
    found = pivot(measured, ["run.precision", "run.batch_size"], "run.seed")
    if metric == "memory":
        return found
    return found.div(found.index.get_level_values("run.batch_size").to_numpy(float), axis=0)


def over(table: pd.DataFrame, metric: str, one: tuple[str, int], other: tuple[str, int]) -> pd.Series:
    """Log of one cost over another, for each repetition; NaN where either was not measured.

    Args:
        metric: as `costs` has it.
        one: the data type, and the batch size as a multiple of the smallest.
        other: likewise, what it is compared with.
    """
    found = costs(table, metric)
    seeds = [*found.columns] or levels(table, "seed")
    smallest = min(found.index.get_level_values(1), default=0)
    places = [(precision, times * smallest) for precision, times in (one, other)]
    if not set(places) <= set(found.index):
        return pd.Series(np.nan, seeds, dtype=float)
    top, bottom = (found.loc[place] for place in places)
    return pd.Series(np.log(top / bottom))


def losses(table: pd.DataFrame, split: str) -> pd.DataFrame:
    """Log of the final loss: rows are data types, columns seeds; infinite where a run diverged."""
    values = final(table, split, ["precision", "seed"])
    return pd.DataFrame(logs(values).unstack("seed"))


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    figure, (axes,) = panels(1, 3, WIDTH * 1.2, 3.0)
    names = levels(table, "precision") or levels(table, "run.precision")
    names = sorted(names, key=lambda name: (name != REFERENCE, name))
    looks = list(zip(names, contrast(len(names)), markers(len(names)), strict=True))
    _costs(axes[0], costs(table, "seconds") * 1e6, looks, "time per example (microseconds)")
    _costs(axes[1], costs(table, "memory") / 1e6, looks, "memory of a step (MB)")
    found = pd.DataFrame(np.exp(losses(table, "test")))
    log_axis(axes[2])
    for place, (name, color, marker) in enumerate(looks):
        if name in found.index:
            seeds_at(axes[2], place, found.loc[name], color=color, marker=marker, label=name)
    axes[2].set_xticks(range(len(names)), names)
    axes[2].set_xlim(-0.5, max(1, len(names)) - 0.5)
    axes[2].set_ylabel("final test loss (nats)")
    legend(axes[0])
    explain(figure, "repetitions in the place of seeds where a step is timed")
    return figure


def _costs(axes: Axes, found: pd.DataFrame, looks: list, label: str) -> None:
    log_axis(axes)
    for name, color, marker in looks:
        if name in found.index.get_level_values(0):
            lines = found.loc[name]
            style = {"color": color, "marker": marker, "label": name}
            over_seeds(axes, lines.index, lines, each="repetition", **style)
    if len(found):
        log_factor_axis(axes, sorted(set(found.index.get_level_values(1))))
    axes.set(xlabel="batch size", ylabel=label)


if __name__ == "__main__":
    _drawing.main({"precision": draw}, __doc__)
