"""The learning-rate range test's loss against the rate, beside the sweep's final loss.

python -m analysis.lr_range --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import final
from analysis._style import WIDTH, contrast, legend, log_axis, log_factor_axis, over_seeds, panels
from analysis._tables import levels, pivot, where
from analysis.quantities import best_factor

SUGGESTED = 1 / 10  # of the rate at the lowest loss (fastai's `minimum`; Smith 2017 reads it off by eye)


def ranges(table: pd.DataFrame) -> pd.DataFrame:
    """Training loss during the test: rows are factors, columns seeds; NaN from where a run diverged on.

    The factor is the test's rate in the middle of an epoch over the peak rate of the sweep at factor 1.
    """
    runs = where(table, kind="RunConfig", **{"schedule.name": "exp"})
    sweep = _sweep(table)
    peak = max((max(_numbers(text)) for text in levels(sweep, "schedule.values")), default=np.nan)
    loss = where(runs, split="seen", metric="loss")
    if loss.empty:
        return pivot(loss, "tested", "seed")
    factor = loss["schedule.rate"] * loss["schedule.gamma"] ** (loss["epoch"] - 0.5) / peak
    found = loss.assign(tested=np.exp2(np.log2(factor).round(6)))
    return pivot(found, "tested", "seed")


def _sweep(table: pd.DataFrame) -> pd.DataFrame:
    """The runs that are not range tests."""
    runs = where(table, kind="RunConfig")
    return runs.loc[runs["schedule.name"].isna()] if "schedule.name" in runs else runs


def _numbers(text: str) -> list[float]:
    """A list as records have it."""
    return [float(item) for item in text.strip("[]").split(",")]


def lowest(table: pd.DataFrame) -> pd.Series:
    """Log2 of the factor at which the test's loss is lowest, for each seed."""
    tested = ranges(table).dropna(axis="columns", how="all")
    return pd.Series(np.log2(tested.idxmin().astype(float)))


def sweep_losses(table: pd.DataFrame) -> pd.DataFrame:
    """Final test loss of the sweep: rows are factors, columns seeds; infinite where a run diverged."""
    return final(_sweep(table), "test", ["factor", "seed"]).unstack("seed").sort_index()


def best(table: pd.DataFrame) -> pd.Series:
    """Log2 of the sweep's best factor, for each seed; NaN where it may lie beyond the sweep."""
    losses = sweep_losses(table)
    return pd.Series({seed: best_factor(losses.index, losses[seed])[0] for seed in losses}, dtype=float)


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    tested, losses = ranges(table), sweep_losses(table)
    minimum, optimum = lowest(table).median(), best(table).median()
    figure, grid = panels(2, 1, WIDTH * 0.7, 4.8, sharex=True)
    axes = grid[:, 0]
    log_axis(axes[0])
    log_axis(axes[1])
    over_seeds(axes[0], tested.index, tested, color=contrast()[0], marker="o")
    over_seeds(axes[1], losses.index, losses, color=contrast()[1], marker="s")
    marks = {
        "lowest loss of the test": (minimum, "-", contrast()[0]),
        "the test's suggestion": (minimum + np.log2(SUGGESTED), ":", contrast()[0]),
        "best of the sweep": (optimum, "--", contrast()[1]),
    }
    for panel, label in (
        (axes[0], "training loss during\nthe range test (nats)"),
        (axes[1], "final test loss\nof the sweep (nats)"),
    ):
        for name, (place, style, color) in marks.items():
            if np.isfinite(place):
                panel.axvline(2**place, color=color, linestyle=style, linewidth=1, label=name)
        panel.set_ylabel(label)
    axes[1].set_xlabel("learning-rate factor")
    reached = np.log2([*tested.index, *losses.index])
    if len(reached):
        log_factor_axis(axes[1], list(2.0 ** np.arange(np.floor(reached.min()), reached.max() + 1, 2)))
    legend(figure, loc="outside upper center", ncols=3)
    return figure


if __name__ == "__main__":
    _drawing.main({"lr_range": draw}, __doc__)
