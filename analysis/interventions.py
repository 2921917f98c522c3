"""What each intervention did, as differences between runs of one seed with 95% intervals over the seeds.

python -m analysis.interventions --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._style import WIDTH, contrast, explain, factor_name, legend, markers, panels, signed_log_axis
from analysis._tables import levels, pivot, where
from analysis.claims._interval import interval

NAMES = {
    "swap": "windows A and B swapped",
    "repeat": "A in place of B",
    "leave_out": "A left out",
    "reset_momentum": "velocity reset",
    "reset_statistics": "batch norm's averages reset",
}
LINEAR = 0.3  # nats: up to here the axis is linear, beyond it logarithmic
SPLITS = {"window_a": "loss on window A's batches", "test": "test loss"}


def effects(table: pd.DataFrame, change: str, factor: float, split: str) -> pd.DataFrame:
    """Loss less that of the untouched run of one seed, nats: rows epochs since the change, columns seeds.

    Raises:
        AssertionError: two records that are compared do not start from one state, or one key.
    """
    rows = where(table, kind="Intervention", **{"run.factor": factor})
    _check_pairs(rows, change)

    def losses(change: str) -> pd.DataFrame:
        chosen = where(rows, split=split, metric="loss", change=change)
        if not chosen.empty:
            chosen = chosen.assign(since=chosen["epoch"] - chosen["config.epoch"])
        return pivot(chosen, "since", "run.seed")

    return losses(change) - losses("untouched")


def _check_pairs(rows: pd.DataFrame, change: str) -> None:
    """The audit facts of each pair: the same key, and the same statistics before the first step."""
    audit = where(rows, split="audit")
    if not {change, "untouched"} <= set(levels(audit, "change")):
        return
    first = audit.loc[audit["epoch"] == audit["config.epoch"]]
    facts = first.pivot_table(index=["metric", "run.seed"], columns="change", values="value")
    if change == "reset_statistics":
        facts = facts.drop(index="statistics_checksum", level="metric", errors="ignore")
    pairs = facts.reindex(columns=[change, "untouched"]).dropna()
    assert (pairs[change] == pairs["untouched"]).all(), (
        f"{change} is compared with runs that it does not pair with"
    )


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    rows = where(table, kind="Intervention")
    factors = levels(rows, "run.factor")[::-1]
    changes = [change for change in NAMES if change in levels(rows, "change")]
    figure, grid = panels(len(SPLITS), len(factors), WIDTH, 2.5 * len(SPLITS) + 0.8, sharex=True)
    for row, (split, label) in zip(grid, SPLITS.items(), strict=True):
        for axes, factor in zip(row, factors, strict=False):
            signed_log_axis(axes, LINEAR)
            for index, change in enumerate(changes):
                _line(axes, effects(table, change, factor, split), index, len(changes), NAMES[change])
            axes.axhline(0, color="0.4", linewidth=0.8)
            axes.set_title(f"factor {factor_name(factor)}")
        row[0].set_ylabel(f"{label},\nless the untouched run's (nats)")
    for axes in grid[-1]:
        axes.set_xlabel("epochs since the change")
    legend(figure, loc="outside upper center", ncols=3)
    explain(figure, "means of differences in pairs of one seed; bars: their 95% intervals over the seeds")
    return figure


def _line(axes: Axes, found: pd.DataFrame, index: int, count: int, label: str) -> None:
    intervals = [interval(row.dropna()) for _, row in found.iterrows()]
    mean = np.asarray([one.mean for one in intervals])
    reach = np.asarray([one.high - one.mean for one in intervals])
    # Side by side rather than on top of each other.
    x = found.index.to_numpy(float) + 0.02 * (index - (count - 1) / 2)
    style = {"color": contrast(count)[index], "marker": markers(count)[index], "capsize": 2, "linewidth": 1}
    axes.errorbar(x, mean, np.nan_to_num(reach), label=label, **style)


if __name__ == "__main__":
    _drawing.main({"interventions": draw}, __doc__)
