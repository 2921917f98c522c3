"""What a frozen model remembers, taken apart: of the view that a batch had, of its images, and their sum.

Of the forgetting experiment's records, a panel for each learning rate.

python -m analysis.forgetting_parts --label quick
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._replays import by_age, remembered
from analysis._style import WIDTH, contrast, explain, factor_name, legend, over_seeds, panels
from analysis._tables import levels, where
from analysis.claims._images import shared

RECORDS = "forgetting"

PARTS = {
    "both": ("both", "-", "."),
    "image": ("of the image: never seen less fresh view", "--", "s"),
    "view": ("of the view: fresh view less seen", ":", "^"),
}


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    factors, found = levels(table, "factor"), remembered(table)
    figure, grid = panels(1, len(factors), WIDTH * (0.5 + 0.35 * max(1, len(factors))), 3, sharey=True)
    for axes, factor in zip(grid[0], factors, strict=False):
        _panel(axes, where(found, **{"run.factor": factor}))
        axes.set_title(f"factor {factor_name(factor)}")
    grid[0, 0].set_ylabel("memory (nats)")
    legend(figure, loc="outside upper center", ncols=4)
    explain(
        figure,
        "beyond an epoch (grey) all images were visited again; hatched, and in no band: the 95% interval of "
        "the images never seen, the same for all seeds and ages: by so much memory of the image, and both, "
        "may all be off together",
    )
    return figure


def _panel(axes: Axes, found: pd.DataFrame) -> None:
    axes.set_xlabel("epochs since they were seen")
    axes.axhline(0, color="0.5", linewidth=0.8)
    for (kind, (label, line, marker)), color in zip(PARTS.items(), contrast(len(PARTS)), strict=True):
        known = by_age(found, kind)
        over_seeds(
            axes, known.index, known, label=label, color=color, linestyle=line, marker=marker, markersize=3
        )
    # All seeds' images never seen are the same: their mean over seeds is as far off as one seed's.
    off = shared(float(found["error"].to_numpy(float).mean())) if len(found) else float("nan")
    if off > 0:
        style = {"facecolor": "none", "edgecolor": "0.6", "hatch": "////", "linewidth": 0, "zorder": 0.5}
        axes.axhspan(-off, off, label="0, to within the images never seen", **style)
    longest = float(found["ago"].to_numpy(float).max()) if len(found) else 1.0
    if longest > 1:
        axes.axvspan(1, longest, color="0.93", zorder=0)
    axes.set_xlim(longest, 0)  # time runs to the right: the newest batches stand at the right edge


if __name__ == "__main__":
    _drawing.main({"forgetting_parts": draw}, __doc__)
