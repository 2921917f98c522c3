"""The learning-rate range test's loss against the rate, beside the sweep's final loss.

python -m analysis.lr_range --label quick
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _publish
from analysis._runs import final
from analysis._style import WIDTH, band, contrast, factor_name, log_factor_axis, log_loss_axis
from analysis._tables import where
from analysis.quantities import best_factor

SUGGESTED = 1 / 10  # of the rate at the lowest loss (fastai's `minimum`; Smith 2017 reads it off by eye)


def ranges(table: pd.DataFrame) -> pd.DataFrame:
    """Training loss during the test: rows are factors, columns seeds; NaN from where a run diverged on.

    The factor is the test's rate in the middle of an epoch over the peak rate of the sweep at factor 1.
    """
    runs = where(table, kind="RunConfig", **{"schedule.name": "exp"})
    sweep = where(table, kind="RunConfig").loc[lambda rows: rows["schedule.name"].isna()]
    peak = max(float(value) for text in sweep["schedule.values"].unique() for value in _numbers(text))
    loss = where(runs, split="seen", metric="loss")
    factor = loss["schedule.rate"] * loss["schedule.gamma"] ** (loss["epoch"] - 0.5) / peak
    found = loss.assign(tested=np.exp2(np.log2(factor).round(6)))
    return found.pivot_table(index="tested", columns="seed", values="value")


def _numbers(text: str) -> list[float]:
    """A list as records have it."""
    return [float(item) for item in text.strip("[]").split(",")]


def lowest(table: pd.DataFrame) -> pd.Series:
    """Log2 of the factor at which the test's loss is lowest, for each seed."""
    return pd.Series(np.log2(ranges(table).idxmin()))


def sweep_losses(table: pd.DataFrame) -> pd.DataFrame:
    """Final test loss of the sweep: rows are factors, columns seeds; infinite where a run diverged."""
    runs = where(table, kind="RunConfig")
    values = final(runs.loc[runs["schedule.name"].isna()], "test", ["factor", "seed"])
    return values.unstack("seed").sort_index()


def best(table: pd.DataFrame) -> pd.Series:
    """Log2 of the sweep's best factor, for each seed; NaN where it may lie beyond the sweep."""
    losses = sweep_losses(table)
    return pd.Series({seed: best_factor(losses.index, losses[seed])[0] for seed in losses}, dtype=float)


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    tested, losses = ranges(table), sweep_losses(table)
    minimum, optimum = lowest(table).median(), best(table).median()
    figure, axes = plt.subplots(2, 1, figsize=(WIDTH * 0.7, 4.8), sharex=True)
    band(axes[0], tested.index, tested, color=contrast()[0], marker="o")
    lines = losses.replace(np.inf, np.nan)
    band(axes[1], lines.index, lines, color=contrast()[1], marker="s")
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
        log_loss_axis(panel)
    axes[1].set_xlabel("learning-rate factor")
    ends = np.log2(tested.index.to_numpy(float)[[0, -1]])
    whole = 2.0 ** np.arange(np.floor(ends[0]), np.ceil(ends[1]) + 1, 2)
    log_factor_axis(axes[1], list(whole))
    axes[1].set_xticks(whole, [factor_name(factor) for factor in whole])
    handles, labels = axes[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    return figure


if __name__ == "__main__":
    _publish.main({"lr_range": draw}, __doc__)
