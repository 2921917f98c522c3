"""How all figures look: sizes for a printed column, colours that colour-blind readers tell apart."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from analysis._tables import where

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")  # never colour alone
WIDTH = 7.2  # inches: two columns of a printed page
BANDS = "lines: medians, bands: from the lowest to the highest seed"  # what `band` draws


def house_style() -> dict[str, Any]:
    """Matplotlib's settings for every figure."""
    return {
        **sns.axes_style("whitegrid"),
        **sns.plotting_context("paper"),
        "axes.titlesize": 9,
        "axes.labelsize": 9,
        "legend.fontsize": 7,
        "legend.title_fontsize": 7.5,
        "grid.linewidth": 0.5,
        "lines.linewidth": 1.4,
        "lines.markersize": 4,
        "figure.constrained_layout.use": True,
        "pdf.fonttype": 42,  # text stays text
    }


def sequence(count: int) -> Sequence[Any]:
    """Colours for ordered groups (subset sizes, factors), dark to light, alike in print and to all eyes."""
    return sns.color_palette("viridis", n_colors=count + 1)[:count]


def contrast() -> Sequence[Any]:
    """Colours for unordered groups (train and test, seen and unseen)."""
    return sns.color_palette("colorblind")


def log_factor_axis(axes: Axes, factors: Sequence[float]) -> None:
    """A base-2 axis that names the factors as the article does: 1/8, 1/4 ... 16."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(factors, [factor_name(factor) for factor in factors])
    axes.minorticks_off()


class _Plain(LogLocator):
    """1, 2 and 5 of each decade; more of it where fewer than three of these lie within the axis."""

    def __init__(self):
        super().__init__(subs=(1, 2, 5))
        self._denser = LogLocator(subs=(1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9))

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        few = super().tick_values(vmin, vmax)
        enough = sum(vmin <= tick <= vmax for tick in few) >= 3
        return few if enough else self._denser.tick_values(vmin, vmax)


def log_loss_axis(axes: Axes) -> None:
    """A log axis that names its numbers plainly, with room at the top for marks."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(_Plain())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.margins(y=0.12)


def factor_name(factor: float) -> str:
    """1/8 rather than 0.125."""
    return f"{factor:g}" if factor >= 1 or not (1 / factor).is_integer() else f"1/{1 / factor:g}"


def band(axes: Axes, x: Any, values: Any, **style: Any) -> None:
    """A line through the seeds' median with a band from the lowest to the highest seed.

    Args:
        x: (points,).
        values: (points, seeds), NaN where a seed has none.
    """
    values = np.asarray(values, float)
    known = ~np.isnan(values).all(1)
    x, values = np.asarray(x, float)[known], values[known]
    if len(x) == 0:
        return
    (line,) = axes.plot(x, np.nanmedian(values, 1), **style)
    axes.fill_between(
        x, np.nanmin(values, 1), np.nanmax(values, 1), color=line.get_color(), alpha=0.2, linewidth=0
    )


def explain(figure: Figure, marks: str) -> None:
    """Say in the caption what a figure's marks are, where they are not `BANDS` alone."""
    figure.set_label(marks)


def caption(figure: Figure, about: Mapping[str, Any], table: pd.DataFrame) -> None:
    """A line under the figure that says what data it is of, at which preset and how many seeds.

    Args:
        about: what the experiment is.
        table: its records, which say on how many images and for how long its runs were trained.
    """
    height, width, _ = about["image_shape"]
    images = _range(table, "subset_size")
    if images != f"{about['train_images']:,}":
        images += f" of {about['train_images']:,}"
    model = about["config"]["base"]["model"]
    network = {"lenet": "LeNet-5"}.get(model["kind"], model["kind"])
    if model["kind"] == "resnet":
        blocks = "-".join(map(str, model["blocks"]))
        network = f"ResNet of width {_range(table, 'model.width')}, blocks {blocks}"
    count = about["config"]["seeds"]
    seeds = f"{count} seed" + ("s" if count > 1 else "")
    marks = figure.get_label() or BANDS
    text = (
        f"Data: {about['data']}, {images} training images of {height}x{width}; preset "
        f"{about['preset']}; {network}; {_range(table, 'epochs')} epochs; {seeds} ({marks})."
    )
    wrapped = textwrap.fill(text, width=int(figure.get_figwidth() * 17))
    figure.supxlabel(wrapped, x=0.01, ha="left", fontsize=7, color="0.35")


def _range(table: pd.DataFrame, field: str) -> str:
    """A field of the runs, or where there are only measurements of those measured: 4,096, or 512 to 4,096."""
    runs = where(table, kind="RunConfig")
    values = (runs[field] if len(runs) else table[f"run.{field}"].dropna()).to_numpy()
    low, high = int(values.min()), int(values.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
