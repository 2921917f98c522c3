"""Half the data against all of it, and a frozen model on the batches it saw: a row for each learning rate.

python -m analysis.forgetting --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis import _publish
from analysis._style import WIDTH, contrast, factor_name, legend, over_seeds, panels
from analysis._tables import levels, pivot, where

BINS_PER_EPOCH = 8  # replayed batches are averaged in eighths of an epoch, the newest first


def curve(runs: pd.DataFrame, split: str) -> pd.DataFrame:
    """Loss after each epoch: rows are epochs, columns seeds."""
    return pivot(where(runs, split=split, metric="loss"), "epoch", "seed")


def recency(replays: pd.DataFrame) -> pd.DataFrame:
    """What is left of having seen a batch: its loss less that of never-seen ones, against its age.

    For each seed, the mean loss of the replayed batches, in bins of their age in epochs (a row stands at the
    middle of its bin), less the mean loss of the next epoch's batches on the same frozen model: negative
    where the model still remembers. Rows are ages, columns seeds; nothing where every run diverged.
    """
    if replays.empty:
        return pd.DataFrame(index=pd.Index([], dtype=float))
    loss = where(replays, split="replayed", metric="loss")
    # A batch seen at step s ends its part of the epoch at s + 1: the last one lies in the bin (0, 1/8].
    number = np.ceil(epochs_ago(replays).loc[loss.index] * BINS_PER_EPOCH - 1e-6)
    binned = loss.assign(ago=(number - 0.5) / BINS_PER_EPOCH)
    seen = pivot(binned, "ago", "run.seed")
    return seen - level(replays, "unseen")


def epochs_ago(replays: pd.DataFrame) -> pd.Series:
    """For each row of some replays, how long before the model was frozen its batch came up."""
    frozen = where(replays, split="test", metric="loss")
    if frozen.empty:
        return pd.Series(np.nan, replays.index)
    when = dict(zip(frozen["record"], frozen["epoch"], strict=True))
    ended = [when.get(record, np.nan) for record in replays["record"]]
    return pd.Series(ended, replays.index, dtype=float) - replays["epoch"]


def level(replays: pd.DataFrame, split: str) -> pd.Series:
    """Mean loss of a split that has no age (unseen, test), for each seed."""
    return pivot(where(replays, split=split, metric="loss"), "run.seed", "split").mean(axis=1)


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    factors = levels(table, "factor")[::-1]
    figure, grid = panels(len(factors), 4, WIDTH * 1.5, 2.6 * max(1, len(factors)) + 0.5)
    sizes = levels(table, "subset_size")
    for row, factor in zip(grid, factors, strict=False):
        runs = where(table, factor=factor)
        replays = where(table, **{"run.factor": factor})
        half, whole = min(sizes, default=0), max(sizes, default=0)
        a = where(runs, subset_size=half) if half < whole else runs.iloc[:0]  # the rest was not recorded
        b = where(runs, subset_size=whole)
        title = f"factor {factor_name(factor)}"
        _training(row[0], a, f"(a) half the data, no augmentation\n{title}")
        _training(row[1], b, f"(b) all data, augmented\n{title}")
        _comparison(row[2], a, b, f"test loss, (a) against (b)\n{title}")
        own = "" if where(replays, statistics="batch").empty else ", each batch's own statistics"
        _recency(row[3], replays, f"(b) frozen: batches replayed\n{title}{own}")
        row[0].set_ylabel("loss (nats)")
        top = max(axes.get_ylim()[1] for axes in row[:3])
        for axes in row[:3]:
            axes.set_ylim(0, top)
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


def _recency(axes: Axes, replays: pd.DataFrame, title: str) -> None:
    axes.set(
        xlabel="seen so many epochs ago", ylabel="loss minus that of\nnever-seen batches (nats)", title=title
    )
    if replays.empty:
        return
    losses = recency(replays)
    colors = contrast()
    axes.axhline(0, color="0.5", linestyle="-.", label="next epoch's, never seen")
    over_seeds(axes, losses.index, losses, color=colors[0], marker=".", label="seen batches")
    test = level(replays, "test") - level(replays, "unseen")
    if len(test.dropna()):
        axes.axhline(test.median(), color=colors[1], linestyle="--", label="test set")
    axes.invert_xaxis()  # time runs to the right: the newest batches stand at the right edge
    legend(axes)


if __name__ == "__main__":
    _publish.main({"forgetting": draw}, __doc__)
