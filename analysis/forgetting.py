"""Half the data against all of it, and a frozen model on the batches it saw, at each learning rate.

Above, what the experiment is for, a line for each rate: by how much half of the data ends worse, and what a
frozen model remembers. Below, the losses behind it at the highest rate and at the lowest.

python -m analysis.forgetting --label quick
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis import _drawing
from analysis._replays import by_age, of_test_set, remembered
from analysis._style import (
    WIDTH,
    contrast,
    factor_name,
    legend,
    log_axis,
    markers,
    over_seeds,
    panels,
    sequence,
)
from analysis._tables import levels, pivot, where


def curve(runs: pd.DataFrame, split: str) -> pd.DataFrame:
    """Loss after each epoch: rows are epochs, columns seeds."""
    return pivot(where(runs, split=split, metric="loss"), "epoch", "seed")


def halves(table: pd.DataFrame, factor: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The runs of one rate on half of the data, and on all of it; none of either that was not recorded."""
    runs, sizes = where(table, factor=factor), levels(table, "subset_size")
    half, whole = min(sizes, default=0), max(sizes, default=0)
    return where(runs, subset_size=half) if half < whole else runs.iloc[:0], where(runs, subset_size=whole)


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    factors = levels(table, "factor")
    extremes = list(dict.fromkeys([*factors[-1:], *factors[:1]]))
    figure, grid = panels(1 + len(extremes), 2, WIDTH * 1.1, 2.4 * (1 + len(extremes)) + 0.6)
    _comparison(grid[0, 0], table, factors)
    _recency(grid[0, 1], table, factors)
    for row, factor in zip(grid[1:], extremes, strict=True):
        a, b = halves(table, factor)
        _training(row[0], a, f"(a) half the data, no augmentation: factor {factor_name(factor)}")
        _training(row[1], b, f"(b) all data, augmented: factor {factor_name(factor)}")
        row[0].set_ylabel("loss (nats)")
        for axes in row:
            axes.set_ylim(0, max(each.get_ylim()[1] for each in row))
    for axes in grid[1:2, 1]:
        legend(axes)
    return figure


def _looks(factors: list[float]):
    return zip(factors, sequence(len(factors)), markers(len(factors)), strict=True)


def _training(axes: Axes, runs: pd.DataFrame, title: str) -> None:
    for split, label, color in zip(("seen", "test"), ("train, as seen", "test"), contrast(), strict=False):
        losses = curve(runs, split)
        style = {"color": color, "label": label, "linestyle": "--" if split == "test" else "-"}
        over_seeds(axes, losses.index, losses, **style)
    axes.set(xlabel="epoch", title=title)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def _comparison(axes: Axes, table: pd.DataFrame, factors: list[float]) -> None:
    log_axis(axes)
    axes.axhline(1, color="0.5", linewidth=0.8)
    for factor, color, marker in _looks(factors):
        a, b = (curve(runs, "test") for runs in halves(table, factor))
        style = {"color": color, "marker": marker, "label": factor_name(factor)}
        over_seeds(axes, (a / b).index, a / b, **style)
    axes.set(xlabel="epoch", ylabel="(a) over (b)", title="test loss: half the data, (a), over all, (b)")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    legend(axes, title="learning-rate factor", ncols=2)


def _recency(axes: Axes, table: pd.DataFrame, factors: list[float]) -> None:
    found = remembered(table)
    own = "" if where(table, statistics="batch").empty else ", each batch's own statistics"
    axes.set(
        xlabel="epochs since they were seen",
        ylabel="loss minus that of\nnever-seen images (nats)",
        title=f"(b) frozen: what it saw{own}",
    )
    if found.empty:
        return
    axes.axhline(0, color="0.5", linestyle="-.", label="images never seen")
    test = of_test_set(table).dropna()
    if len(test):
        axes.axhline(test.median(), color=contrast()[1], linestyle="--", label="test set, augmented")
    for factor, color, marker in _looks(factors):
        known = by_age(where(found, **{"run.factor": factor}), "both")
        style = {"color": color, "marker": marker, "markersize": 3, "label": f"_{factor_name(factor)}"}
        over_seeds(axes, known.index, -known, **style)
    axes.invert_xaxis()  # time runs to the right: the newest batches stand at the right edge
    legend(axes, loc="lower left")


if __name__ == "__main__":
    _drawing.main({"forgetting": draw}, __doc__)
