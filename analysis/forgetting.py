"""Half the data against all of it, and a frozen model on the batches it saw: a row for each learning rate.

python -m analysis.forgetting --label quick
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis import _drawing
from analysis._replays import by_age, of_test_set, remembered
from analysis._style import WIDTH, contrast, factor_name, legend, over_seeds, panels
from analysis._tables import levels, pivot, where


def curve(runs: pd.DataFrame, split: str) -> pd.DataFrame:
    """Loss after each epoch: rows are epochs, columns seeds."""
    return pivot(where(runs, split=split, metric="loss"), "epoch", "seed")


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    factors = levels(table, "factor")[::-1]
    figure, grid = panels(len(factors), 4, WIDTH * 1.5, 2.6 * max(1, len(factors)) + 0.5)
    sizes, found = levels(table, "subset_size"), remembered(table)
    for row, factor in zip(grid, factors, strict=False):
        runs = where(table, factor=factor)
        of_factor = {"run.factor": factor}
        half, whole = min(sizes, default=0), max(sizes, default=0)
        a = where(runs, subset_size=half) if half < whole else runs.iloc[:0]  # the rest was not recorded
        b = where(runs, subset_size=whole)
        title = f"factor {factor_name(factor)}"
        _training(row[0], a, f"(a) half the data, no augmentation\n{title}")
        _training(row[1], b, f"(b) all data, augmented\n{title}")
        _comparison(row[2], a, b, f"test loss, (a) against (b)\n{title}")
        own = "" if where(table, statistics="batch").empty else ", each batch's own statistics"
        test = of_test_set(where(table, **of_factor))
        _recency(row[3], where(found, **of_factor), test, f"(b) frozen: what it saw\n{title}{own}")
        row[0].set_ylabel("loss (nats)")
        top = max(axes.get_ylim()[1] for axes in row[:3])
        for axes in row[:3]:
            axes.set_ylim(0, top)
    # One scale for all rates, so that their memory is compared at a glance, with room for the legend.
    last = grid[:, 3]
    low, high = (pick(axes.get_ylim()[end] for axes in last) for end, pick in ((0, min), (1, max)))
    for axes in last:
        axes.set_ylim(low - 0.4 * (high - low), high)
    legend(last[0], loc="lower left")
    return figure


def _training(axes: Axes, runs: pd.DataFrame, title: str) -> None:
    for split, label, color in zip(("seen", "test"), ("train, as seen", "test"), contrast(), strict=False):
        losses = curve(runs, split)
        style = {"color": color, "label": label, "linestyle": "--" if split == "test" else "-"}
        over_seeds(axes, losses.index, losses, **style)
    axes.set(xlabel="epoch", title=title)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    legend(axes)


def _comparison(axes: Axes, a: pd.DataFrame, b: pd.DataFrame, title: str) -> None:
    for runs, label, color, style in ((a, "(a) half", 2, "-"), (b, "(b) all", 4, "--")):
        losses = curve(runs, "test")
        over_seeds(axes, losses.index, losses, color=contrast()[color], label=label, linestyle=style)
    axes.set(xlabel="epoch", title=title)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    legend(axes)


def _recency(axes: Axes, found: pd.DataFrame, test: pd.Series, title: str) -> None:
    axes.set(
        xlabel="seen so many epochs ago", ylabel="loss minus that of\nnever-seen images (nats)", title=title
    )
    if found.empty:
        return
    colors, known = contrast(), by_age(found, "both")
    axes.axhline(0, color="0.5", linestyle="-.", label="images never seen")
    over_seeds(axes, known.index, -known, color=colors[0], marker=".", label="batches that it saw")
    if len(test.dropna()):
        axes.axhline(test.median(), color=colors[1], linestyle="--", label="test set, augmented")
    axes.invert_xaxis()  # time runs to the right: the newest batches stand at the right edge


if __name__ == "__main__":
    _drawing.main({"forgetting": draw}, __doc__)
