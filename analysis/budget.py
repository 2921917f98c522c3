"""What stops a step at each learning rate: curvature ratio and forgetting ratio against factor.

python -m analysis.budget --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._style import (
    WIDTH,
    explain,
    legend,
    log_factor_axis,
    markers,
    over_seeds,
    panels,
    sequence,
    signed_log_axis,
)
from analysis._tables import levels, pivot, where
from analysis.fading import Fading, of_replays
from analysis.quantities import CurvatureRatio, curvature_levels, curvature_ratio

RUN = ["run.batch_size", "run.subset_size", "run.factor", "run.seed"]
UNKNOWN = 0.5  # wide: an interval of a share that says little more than that it is one
LIMITS = {"curvature ratio": (-100, 100), "forgetting ratio": (0, 1)}  # beyond, points stand on the edge
LINEAR = 0.1  # up to here the curvature axis is linear: curvature may be negative


def curvature_ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Penalty over gain of a batch's own gradient step, over the measured steps of each run.

    Returns:
        A row for each measured run, with columns batch_size, subset_size, factor, seed, ratio, and the other
        fields of `CurvatureRatio`: error, low, high and batches. The ratio is NaN from too few batches.
    """
    budgets = where(table, kind="StepBudget", split="current")
    steps = pivot(budgets, [*RUN, "step"], "metric")
    metrics = steps.reindex(columns=["gradient_gain", "gradient_penalty"])
    runs = metrics.groupby(level=RUN)
    rows = [curvature_ratio(*of.to_numpy(float).T) for _, of in runs]
    return _named(pd.DataFrame(rows, runs.size().index, columns=["ratio", *CurvatureRatio._fields[1:]]))


def forgetting_ratios(table: pd.DataFrame) -> pd.DataFrame:
    """The share of what a visit leaves of an image that is gone half an epoch later, for each measured run.

    It follows from the half-life of the memory of images (`analysis.fading`), which is measured against
    images never seen: those of the next epoch have been visited, too.

    Returns:
        A row for each run whose ratio is known to within `UNKNOWN`, with the columns of `curvature_ratios`
        up to `ratio`, and `low` and `high`, the ends of its 95% interval.
    """
    rows = []
    for fit in where(of_replays(table, RUN), memory="image").to_dict("records"):
        ratio, low, high = Fading(*(fit[name] for name in Fading._fields)).forgetting_ratio()
        if high - low <= UNKNOWN:
            rows.append({name: fit[name] for name in RUN} | {"ratio": ratio, "low": low, "high": high})
    return _named(pd.DataFrame(rows, columns=[*RUN, "ratio", "low", "high"]).set_index(RUN))


def _named(ratio: pd.Series | pd.DataFrame) -> pd.DataFrame:
    table = ratio.to_frame("ratio") if isinstance(ratio, pd.Series) else ratio
    return table.reset_index().rename(columns=lambda name: name.removeprefix("run."))


def marks(runs: pd.DataFrame) -> dict[str, float]:
    """The curvature ratios that belong to the runs' optimizer, by what they are; none but for one SGD."""
    if levels(runs, "optimizer.kind") != ["sgd"]:
        return {}
    momenta, nesterov = levels(runs, "optimizer.momentum"), levels(runs, "optimizer.nesterov")
    if len(momenta) != 1 or len(nesterov) != 1:
        return {}
    small, large = curvature_levels(momenta[0], bool(nesterov[0]))
    rule = "2 (1 + b) / (1 + 2b)" if nesterov[0] else "2 (1 + b)"
    return {"batch sharpness x rate is 2 (1 - b), where small batches settle": small} | (
        {f"it is {rule}, where a quadratic turns unstable": large} if large != small else {}
    )


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    runs = where(table, kind="RunConfig")
    batch_sizes = levels(runs, "batch_size")
    rows = {"curvature ratio": curvature_ratios(table), "forgetting ratio": forgetting_ratios(table)}
    size = (WIDTH, 2.4 * len(rows) + 0.5)
    figure, grid = panels(len(rows), len(batch_sizes), *size, sharex=True, sharey="row")
    named = dict(zip(("dashed", "dotted"), marks(runs).items(), strict=False))
    for axes in grid[0]:
        signed_log_axis(axes, LINEAR)
        for style, (name, level) in named.items():
            axes.axhline(level, color="0.4", linewidth=0.8, linestyle=style, label=f"_{name}", gid="level")
    for row, (label, ratios) in zip(grid, rows.items(), strict=True):
        ratios = ratios.assign(ratio=ratios["ratio"].clip(*LIMITS[label]))
        for axes, batch_size in zip(row, batch_sizes, strict=False):
            _panel(axes, where(runs, batch_size=batch_size), where(ratios, batch_size=batch_size))
            axes.set_title(f"batch size {batch_size:g}")
            axes.axhline(0, color="0.4", linewidth=0.8)
        row[0].set_ylim(*_limits(label, ratios["ratio"]))
        row[0].set_ylabel(label)
    for axes in grid[-1]:
        axes.set_xlabel("learning-rate factor")
    legend(figure, title="training images", loc="outside right upper")
    said = [f"{style}, {level:.2g}: {name}" for style, (name, level) in named.items()]
    said += ["points beyond an axis stand on its edge"]
    said += ["forgetting ratios are of images, where known to within 1/2"]
    explain(figure, "; ".join(said))
    return figure


def _limits(label: str, ratios: pd.Series) -> tuple[float, float]:
    """Ends of a row's axis: as far as its points go, with room for crosses and for what is on the edge."""
    low, high = LIMITS[label]
    if label == "forgetting ratio":
        return low - 0.1, high + 0.1
    found = ratios.to_numpy(float)
    found = found[np.isfinite(found)]
    # One has its line, whatever there is; a step on a log axis is a factor.
    return 2 * max(low, min(-LINEAR, *found, 0)), 2 * min(high, max(10, *found, 0))


def _panel(axes: Axes, runs: pd.DataFrame, ratios: pd.DataFrame) -> None:
    sizes, factors = levels(runs, "subset_size"), levels(runs, "factor")
    for size, color, marker in zip(sizes, sequence(len(sizes)), markers(len(sizes)), strict=True):
        of_size = where(runs, subset_size=size)
        measured = pivot(where(ratios, subset_size=size), "factor", "seed", values="ratio")
        gone = of_size.assign(value=np.inf).loc[of_size["status"] == "diverged"]
        values = measured.combine_first(pivot(gone, "factor", "seed", aggfunc="max"))
        over_seeds(axes, values.index, values, color=color, marker=marker, label=f"{size:,g}")
    log_factor_axis(axes, factors)


if __name__ == "__main__":
    _drawing.main({"budget": draw}, __doc__)
