"""Training against test, across learning rates: their accuracies, and the test loss at equal training loss.

Of the learning-rate sweep's records: its largest training set and smallest batch.

python -m analysis.generalisation --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import final, index_of
from analysis._style import (
    WIDTH,
    contrast,
    explain,
    factor_name,
    legend,
    log_axis,
    log_factor_axis,
    markers,
    over_seeds,
    panels,
    sequence,
)
from analysis._tables import levels, pivot, where

RECORDS = "lr_sweep"
REFERENCE = 1 / 4
"""The factor whose test loss others are compared with: the lower of the forgetting experiment's two."""
SPLITS = {"seen": "training, as seen", "train": "training, at the end", "test": "test"}


def baseline(table: pd.DataFrame) -> pd.DataFrame:
    """The runs on the largest training set at the smallest batch size."""
    runs = where(table, kind="RunConfig")
    return where(runs, subset_size=runs["subset_size"].max(), batch_size=runs["batch_size"].min())


def accuracies(table: pd.DataFrame, split: str) -> pd.DataFrame:
    """The last epoch's accuracy: rows are factors, columns seeds; NaN where a run diverged.

    Args:
        split: `seen`, the mean over the epoch's batches as they were trained on; `train`, the training images
            at the end, not augmented; or `test`.
    """
    runs = baseline(table)
    found = final(runs, split, ["factor", "seed"], "accuracy", diverged=np.nan).unstack("seed")
    return pd.DataFrame(found).reindex(index=levels(runs, "factor"), columns=levels(runs, "seed"))


def progress(table: pd.DataFrame) -> pd.DataFrame:
    """Both losses at the end of each epoch but the last, in nats: a row for each, of each run that finished.

    The recorded training loss is a mean over an epoch, that of its middle: at the end of an epoch it is taken
    to be the geometric mean of this epoch's and the next one's. Else whatever falls faster would look
    better on test images.

    Returns:
        Columns factor, seed, epoch, train and test.
    """
    runs = where(baseline(table), metric="loss", status="finished")
    losses = pivot(runs, ["factor", "seed", "epoch"], "split").reindex(columns=["seen", "test"])
    if losses.empty:
        return pd.DataFrame(columns=["factor", "seed", "epoch", "train", "test"], dtype=float)
    after = losses["seen"].groupby(level=["factor", "seed"]).shift(-1)
    with np.errstate(invalid="ignore"):
        train = np.sqrt(losses["seen"] * after)
    found = pd.DataFrame({"train": train, "test": losses["test"]}).reset_index()
    return found.loc[np.isfinite(found["train"]) & (found["train"] > 0) & (found["test"] > 0)]


def at_equal_loss(table: pd.DataFrame) -> pd.DataFrame:
    """Log of the test loss over that at factor `REFERENCE`, both where their training loss is the same.

    That is the lowest one that both runs come to. Rows are factors, columns seeds; NaN where a run diverged,
    or was below that loss after its first epoch already.
    """
    runs, curves = baseline(table), progress(table)
    found = pd.DataFrame(np.nan, levels(runs, "factor"), levels(runs, "seed"))

    def of(factor: float, seed: float) -> np.ndarray:
        rows = where(curves, factor=factor, seed=seed)
        return np.log(rows[["train", "test"]].to_numpy(float))

    for seed in found:
        reference = of(REFERENCE, seed)
        for factor in found.index:
            curve = of(factor, seed)
            if len(curve) and len(reference):
                level = max(curve[:, 0].min(), reference[:, 0].min())
                found.loc[factor, seed] = _reached(curve, level) - _reached(reference, level)
    return found


def _reached(curve: np.ndarray, level: float) -> float:
    """The second column where the first comes down to a level, on a straight line between two rows."""
    row = int(np.argmax(curve[:, 0] <= level))
    if curve[row, 0] == level:
        return float(curve[row, 1])
    if row == 0:
        return np.nan
    (before, start), (after, end) = curve[row - 1 : row + 1]
    return float(start + (end - start) * (before - level) / (before - after))


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    figure, (axes,) = panels(1, 3, WIDTH * 1.3, 3.2)
    factors = levels(baseline(table), "factor")
    _accuracies(axes[0], table, factors)
    _curves(axes[1], table, factors)
    compared = pd.DataFrame(np.exp(at_equal_loss(table)))
    log_axis(axes[2])
    axes[2].axhline(1, color="0.5", linewidth=0.8)
    over_seeds(axes[2], compared.index, compared, color=contrast()[2], marker="o", label="test loss")
    axes[2].set(
        xlabel="learning-rate factor",
        ylabel=f"over that at factor {factor_name(REFERENCE)}",
        title="test loss at equal training loss",
    )
    log_factor_axis(axes[2], factors)
    explain(figure, "training loss: as seen, at the end of each epoch")
    return figure


def _accuracies(axes: Axes, table: pd.DataFrame, factors: list[float]) -> None:
    lines = zip(SPLITS.items(), contrast(), markers(len(SPLITS)), ("-", ":", "--"), strict=False)
    for (split, label), color, marker, style in lines:
        found = accuracies(table, split)
        over_seeds(axes, found.index, found, color=color, marker=marker, linestyle=style, label=label)
    log_factor_axis(axes, factors)
    axes.set(xlabel="learning-rate factor", ylabel="accuracy", title="last epoch")
    legend(axes)


def _curves(axes: Axes, table: pd.DataFrame, factors: list[float]) -> None:
    """A line for each factor: the means over seeds of both losses' logarithms, epoch by epoch."""
    log_axis(axes)
    found = progress(table)
    complete = index_of(found, ["factor"]).unique().get_level_values(0)
    for factor, color in zip(factors, sequence(len(factors)), strict=True):
        if factor in complete:
            of = where(found, factor=factor).groupby("epoch")[["train", "test"]]
            line = of.agg(lambda values: np.exp(np.log(values).mean()))
            axes.plot(line["train"], line["test"], color=color, label=factor_name(factor), gid="mean")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(axes.yaxis.get_major_formatter())
    axes.minorticks_off()
    axes.invert_xaxis()
    axes.set(xlabel="training loss (nats)", ylabel="test loss (nats)", title="through training")
    legend(axes, title="factor")


if __name__ == "__main__":
    _drawing.main({"generalisation": draw}, __doc__)
