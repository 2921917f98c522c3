"""Half-lives of the memory of images and of views, against what was varied.

python -m analysis.memory --label quick
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._style import MANY, WIDTH, contrast, explain, legend, log_axis, markers, panels, seeds_at
from analysis._tables import levels, where
from analysis.fading import drawable, not_drawn, of_replays

VARIED = {
    "run.factor": "learning-rate factor",
    "run.model.width": "width (channels)",
    "run.batch_size": "batch size",
    "run.optimizer.weight_decay": "weight decay",
}

MEMORIES = {"image": "half-life of images (epochs)", "view": "half-life of views (epochs)"}


def half_lives(table: pd.DataFrame) -> pd.DataFrame:
    """`analysis.fading.of_replays` with what is varied."""
    return of_replays(table, [*VARIED])


def around(found: pd.DataFrame, field: str) -> pd.DataFrame:
    """Those of some half-lives in which nothing but one field differs from the run that is varied."""
    base = centre(found)
    same = {name: value for name, value in base.items() if name != field}
    return where(found, **same).sort_values([field, "run.seed"])


def centre(found: pd.DataFrame) -> Mapping[str, float]:
    """The run that is varied: of each field the value that most records have."""
    return {name: found[name].mode().iloc[0] for name in VARIED if len(found)}


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    found = half_lives(table)
    fields = [field for field in VARIED if len(set(around(found, field)[field])) > 1]
    figure, grid = panels(len(MEMORIES), len(fields), WIDTH * 1.4, 5.2, sharey="row")
    for row, (memory, label) in zip(grid, MEMORIES.items(), strict=True):
        log_axis(row[0])  # of all the row's, which share it
        of_memory = where(found, memory=memory)
        for axes, field in zip(row, fields, strict=False):
            _panel(axes, around(of_memory, field), field)
            axes.set_xlabel(VARIED[field])
        row[0].set_ylabel(label)
        known = drawable(of_memory)["half_life"].to_numpy(float)
        if fields and len(known):  # one axis for all panels, with room for what each fit leaves open
            row[0].set_ylim(float(known.min()) / 4, float(known.max()) * 4)
    few = len(levels(found, "run.seed")) < MANY
    if few:
        legend(grid[0, 0], loc="upper right")
    unseen = ", ".join(f"{not_drawn(where(found, memory=memory))} of {memory}s" for memory in MEMORIES)
    explain(
        figure,
        (
            "bars: 95% intervals of each fit, off the axis where it cannot tell; not shown, "
            if few
            else "left out, "
        )
        + f"where no memory is seen: {unseen}",
    )
    return figure


def _panel(axes: Axes, found: pd.DataFrame, field: str) -> None:
    values, seeds = levels(found, field), levels(found, "run.seed")
    axes.set_xticks(range(len(values)), [f"{value:g}" for value in values])
    axes.set_xlim(-0.5, len(values) - 0.5)
    if len(seeds) >= MANY:
        for place, value in enumerate(values):
            known = drawable(where(found, **{field: value}))["half_life"]
            seeds_at(axes, place, known, color=contrast()[0], label=f"{VARIED[field]} {value:g}")
        return
    looks = zip(contrast(len(seeds)), markers(len(seeds)), strict=True)
    for index, (seed, (color, marker)) in enumerate(zip(seeds, looks, strict=True)):
        of_seed = drawable(where(found, **{"run.seed": seed}))
        x = [values.index(value) for value in of_seed[field]]
        x = np.asarray(x) + 0.12 * (index - (len(seeds) - 1) / 2)
        low = of_seed["half_life"] - np.maximum(of_seed["low"], 1e-6 * of_seed["half_life"])
        high = (of_seed["high"] - of_seed["half_life"]).replace(np.inf, 1e6)  # off the axis
        style = {"color": color, "marker": marker, "linestyle": "none"}
        axes.errorbar(x, of_seed["half_life"], [low, high], label=f"seed {seed:g}", capsize=2, **style)


if __name__ == "__main__":
    _drawing.main({"memory": draw}, __doc__)
