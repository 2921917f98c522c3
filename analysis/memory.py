"""Half-life of what is remembered of a batch, against what was varied.

python -m analysis.memory --label quick
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import _publish
from analysis._style import WIDTH, contrast, explain, legend, markers, panels
from analysis._tables import levels, where
from analysis.forgetting import epochs_ago
from analysis.quantities import HalfLife, half_life

VARIED = {
    "run.factor": "learning-rate factor",
    "run.model.width": "width (channels)",
    "run.batch_size": "batch size",
    "run.optimizer.weight_decay": "weight decay",
}

STEPS = {"steps": "value", "steps_low": "low", "steps_high": "high"}


def half_lives(table: pd.DataFrame, facts: Sequence[str] = (*VARIED, "run.seed")) -> pd.DataFrame:
    """The fit for each frozen model: `HalfLife`'s fields in epochs and nats.

    The half-life and its interval are there in steps too: `steps`, `steps_low` and `steps_high`.

    A row for each record, with the columns `facts`. The advantage fitted is that of each replayed batch over
    the mean of the next epoch's.
    """
    replays = where(table, kind="Replay", metric="loss")
    if replays.empty:
        return pd.DataFrame(columns=[*facts, *HalfLife._fields, *STEPS], dtype=float)
    replays = replays.assign(ago=epochs_ago(replays))
    rows = []
    for _, record in replays.groupby("record"):
        seen, unseen = where(record, split="replayed"), where(record, split="unseen")
        seen = seen.dropna(subset=["ago"])  # as it is where it is not recorded when the model was frozen
        fit = half_life(seen["ago"], unseen["value"].mean() - seen["value"])
        known = {name: record[name].iloc[0] for name in facts}
        steps = {name: getattr(fit, field) * len(unseen) for name, field in STEPS.items()}
        rows.append(known | fit._asdict() | steps)
    return pd.DataFrame(rows, columns=[*facts, *HalfLife._fields, *STEPS])


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
    figure, grid = panels(1, len(fields), WIDTH * 1.4, 3, sharey=True)
    for axes, field in zip(grid[0], fields, strict=False):
        _panel(axes, around(found, field), field)
        axes.set_xlabel(VARIED[field])
    grid[0, 0].set_ylabel("half-life (epochs)")
    grid[0, 0].set_yscale("log")
    known = found["value"].dropna().to_numpy(float)
    if fields and len(known):  # one axis for all panels, with room for what each fit leaves open
        grid[0, 0].set_ylim(float(known.min()) / 4, float(known.max()) * 4)
    legend(grid[0, 0], loc="upper right")
    explain(figure, "bars: 95% intervals of each fit")
    return figure


def _panel(axes: Axes, found: pd.DataFrame, field: str) -> None:
    values, seeds = levels(found, field), levels(found, "run.seed")
    looks = zip(contrast(len(seeds)), markers(len(seeds)), strict=True)
    for index, (seed, (color, marker)) in enumerate(zip(seeds, looks, strict=True)):
        of_seed = where(found, **{"run.seed": seed}).dropna(subset=["value"])
        x = [values.index(value) for value in of_seed[field]]
        x = np.asarray(x) + 0.12 * (index - (len(seeds) - 1) / 2)
        low = of_seed["value"] - of_seed["low"]
        high = (of_seed["high"] - of_seed["value"]).replace(np.inf, 1e3)  # off the axis
        style = {"color": color, "marker": marker, "linestyle": "none"}
        axes.errorbar(x, of_seed["value"], [low, high], label=f"seed {seed:g}", capsize=2, **style)
    axes.set_xticks(range(len(values)), [f"{value:g}" for value in values])
    axes.set_xlim(-0.5, len(values) - 0.5)


if __name__ == "__main__":
    _publish.main({"memory": draw}, __doc__)
