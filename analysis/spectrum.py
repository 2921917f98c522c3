"""The spectrum of Hessian and Gauss-Newton matrix: density, top eigenvalues and traces, whole and by block.

python -m analysis.spectrum --label quick
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis import _drawing
from analysis._style import WIDTH, contrast, explain, legend, log_axis, markers, over_seeds, panels, sequence
from analysis._tables import levels, pivot, where

MATRICES = {"hessian": "Hessian", "gauss_newton": "Gauss-Newton"}
WHOLE = "whole"
TOP = 5  # eigenvalues shown
BREADTH = 0.02  # of the Gaussian that stands for an eigenvalue, relative to the largest one
UNIT = "nats / unit²"
STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
LOWEST = 1e-6  # of the density's axis
ESTIMATE = ["run.seed", "sample"]  # a set of examples: of its own, and of its run


def nodes(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each node of each probe, falling: matrix, split, seed, sample, probe, node; its numbers.

    These are value, residual and weight.
    """
    index = ["matrix", "split", *ESTIMATE, "probe", "node"]
    rows = where(table, kind="Spectrum")
    if rows.empty:
        return pd.DataFrame(columns=[*index, "value", "residual", "weight"])
    found = rows["metric"].str.extract(r"^(?P<what>value|residual|weight)_(?P<probe>\d+)_(?P<node>\d+)$")
    rows = rows.join(found).dropna(subset=["what"]).astype({"probe": int, "node": int})
    return pivot(rows, index, "what").reset_index()


def traces(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each trace and its standard error: matrix, split, seed, sample, trace, error."""
    rows = where(table, kind="Spectrum")
    index = ["matrix", "split", *ESTIMATE]
    found = pivot(rows, index, "metric").reindex(columns=["trace", "error"])
    return found.reset_index()


def densities(found: pd.DataFrame, at: NDArray[np.float64], breadth: float) -> NDArray[np.float64]:
    """Share of eigenvalues per unit, each a Gaussian: (points, estimates), one for each set and probe.

    Args:
        found: the nodes of one matrix and part.
        at: (points,), in the unit of the eigenvalues.
        breadth: the Gaussian's standard deviation, in the same unit.
    """
    columns = []
    for _, own in found.groupby([*ESTIMATE, "probe"]):
        far = (at[:, None] - own["value"].to_numpy(float)) / breadth
        peaks = np.exp(-(far**2) / 2) / (breadth * np.sqrt(2 * np.pi))
        columns.append(peaks @ own["weight"].to_numpy(float))
    return np.stack(columns, axis=1) if columns else np.empty((len(at), 0))


def parts(table: pd.DataFrame) -> Sequence[str]:
    """The whole network, then its blocks from the input to the output."""
    names = levels(where(table, kind="Spectrum"), "split")
    order = {WHOLE: 0, "prepare": 1, "head": 3}
    return sorted(names, key=lambda name: (order.get(name, 2), name))


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table: of the last epoch measured."""
    measured = where(table, kind="Spectrum")
    measured = where(measured, epoch=max(levels(measured, "epoch"), default=0))
    found, names = nodes(measured), parts(measured)
    whole, tops = where(found, split=WHOLE), where(found, node=0)
    of_blocks = found.loc[found["split"] != WHOLE]
    figure, grid = panels(3, 2, WIDTH * 1.2, 7.6)
    _densities(grid[0, 0], whole)
    _points(grid[0, 1], whole.loc[whole["node"] < TOP], range(TOP), "node", ("value", "residual"))
    grid[0, 1].set(title="largest eigenvalues, whole network", xlabel="rank", ylabel=UNIT)
    grid[0, 1].set_xticks(range(TOP), [f"{rank + 1}" for rank in range(TOP)])
    for axes, matrix in zip(grid[1], MATRICES, strict=True):
        _densities_of_blocks(axes, where(found, matrix=matrix), names[1:], *_grid(of_blocks))
        axes.set_title(f"spectral density by block, {MATRICES[matrix]}")
    legend(grid[1, 0])
    _points(grid[2, 0], tops, names, "split", ("value", "residual"))
    grid[2, 0].set(title="largest eigenvalue by block", ylabel=UNIT)
    _points(grid[2, 1], traces(measured), names, "split", ("trace", "error"))
    grid[2, 1].set(title="trace by block", ylabel=UNIT)
    for axes in grid[2]:
        axes.set_xticks(range(len(names)), [_title(name) for name in names])
        axes.tick_params(axis="x", rotation=30 if len(names) > 6 else 0)
    legend(figure, [grid[0, 1]], loc="outside upper center", ncols=2)
    if measured.empty:
        return figure
    sets, probes = len(found[ESTIMATE].drop_duplicates()), found["probe"].nunique()
    explain(
        figure,
        f"after epoch {measured['epoch'].iloc[0]:g}, {sets} sets of {measured['examples'].iloc[0]:g} "
        f"examples, {probes} probes each; blocks: medians over sets and probes; points: one "
        "for each set and probe, of a trace for each set; bars: residuals, of a trace standard errors; unit: "
        "of the parameters",
    )
    return figure


def _title(name: str) -> str:
    return name.replace("blocks/", "block ")


def _grid(found: pd.DataFrame) -> tuple[NDArray[np.float64], float]:
    """The points that densities are shown at, and the breadth of an eigenvalue."""
    values = found["value"].to_numpy(float)
    values = values[np.isfinite(values)]
    if not np.any(values):
        return np.empty(0), 1.0
    breadth = BREADTH * float(np.abs(values).max())
    return np.linspace(values.min() - 4 * breadth, values.max() + 4 * breadth, 400), breadth


def _densities(axes: Axes, whole: pd.DataFrame) -> None:
    log_axis(axes)
    at, breadth = _grid(whole)
    for index, (matrix, label) in enumerate(MATRICES.items()):
        values = densities(where(whole, matrix=matrix), at, breadth)
        style = {"color": contrast()[index], "linestyle": STYLES[index], "label": label}
        over_seeds(axes, at, values, each="set and probe", **style)
    _density_axes(axes, "spectral density, whole network")


def _densities_of_blocks(
    axes: Axes, found: pd.DataFrame, names: Sequence[str], at: NDArray[np.float64], breadth: float
) -> None:
    """The median over sets and probes of each."""
    log_axis(axes)
    for index, (name, color) in enumerate(zip(names, sequence(len(names)), strict=True)):
        values = densities(where(found, split=name), at, breadth)
        if not values.size:
            continue
        median = np.median(values, axis=1)
        axes.plot(at, median, color=color, linestyle=STYLES[index % len(STYLES)], label=_title(name))
    _density_axes(axes, "")


def _density_axes(axes: Axes, title: str) -> None:
    axes.set(title=title, xlabel=f"eigenvalue ({UNIT})", ylabel="density (share per unit of x)")
    drawn = np.concatenate([[LOWEST], *(np.asarray(line.get_ydata(), float) for line in axes.lines)])
    axes.set_ylim(LOWEST, 4 * np.nanmax(drawn))


def _points(
    axes: Axes, found: pd.DataFrame, ticks: Sequence[Any], column: str, names: tuple[str, str]
) -> None:
    """Every estimate with its error beside its tick: the matrices apart, and the sets of each."""
    sets = sorted(set(found[ESTIMATE].itertuples(index=False, name=None)))
    value, error = names
    for index, (matrix, label) in enumerate(MATRICES.items()):
        own = where(found, matrix=matrix)
        place = [sets.index(of) for of in own[ESTIMATE].itertuples(index=False, name=None)]
        aside = 0.4 * (index - 0.5) + 0.28 * ((np.asarray(place, float) + 0.5) / max(1, len(sets)) - 0.5)
        x = [list(ticks).index(name) for name in own[column]] + aside
        style = {
            "color": contrast()[index],
            "marker": markers(2)[index],
            "linestyle": "none",
            "markersize": 3,
        }
        axes.errorbar(x, own[value], own[error], label=label, capsize=1.5, elinewidth=0.9, **style)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))


if __name__ == "__main__":
    _drawing.main({"spectrum": draw}, __doc__)
