"""Three rules for the learning rate as the batch grows: how far the loss curve moves, and where it ends.

python -m analysis.scaling_rules --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import at, final, grid, index_of, logs
from analysis._style import (
    MARKERS,
    WIDTH,
    contrast,
    explain,
    legend,
    log_axis,
    log_factor_axis,
    over_seeds,
    panels,
)
from analysis._tables import where
from analysis.claims._claim import ABOUT

RULES = {"none": 1.0, "sqrt": 0.5, "linear": 0.0}
"""At a batch k times as large the factor is k ** -power: powers by the rule's name."""


def by_rule(table: pd.DataFrame) -> pd.DataFrame:
    """The runs with the columns `rule`, `ratio` (batch size over the reference's) and `warm` (with warm-up).

    The reference is the batch size at which all rules have one factor; its runs appear under each rule. Runs
    of more epochs, which `epochs_to_target` has, are left out.
    """
    runs = where(table, kind="RunConfig")
    runs = runs.loc[runs["epochs"] == runs["epochs"].min()]
    factors = runs.groupby("batch_size")["factor"].agg(["nunique", "first"])
    alone = factors.loc[factors["nunique"] == 1]
    if alone.empty:
        return runs.assign(rule="", ratio=np.nan, warm=False).iloc[:0]
    reference, factor = alone.index[0], alone["first"].iloc[0]
    ratio = runs["batch_size"] / reference
    # A schedule with warm-up begins at 0.
    runs = runs.assign(ratio=ratio, warm=runs["schedule.values"].str.startswith("[0,"))
    return pd.concat(
        [
            runs.loc[np.isclose(runs["factor"], factor * ratio**-power)].assign(rule=rule)
            for rule, power in RULES.items()
        ],
        ignore_index=True,
    )


def distances(runs: pd.DataFrame) -> pd.Series:
    """How far the curve of training loss lies above the reference's: (rule, warm, ratio, seed).

    Mean over epochs of the log of the one over the other, at the same epoch, seed and warm-up. Infinite where
    the run diverged.
    """
    keys = ["rule", "warm", "ratio", "seed"]
    planned = index_of(runs, keys).drop_duplicates()
    losses = where(runs, split="seen", metric="loss", status="finished")
    logged = logs(pd.Series(losses["value"].to_numpy(float), index_of(losses, keys)))
    means = pd.Series(logged.groupby(level=keys).mean()).reindex(planned)
    reference = pd.Series(at(pd.Series(means), ratio=1.0).droplevel("ratio"))
    reference = reference.reindex(planned.droplevel("ratio"))
    return pd.Series(means.to_numpy() - reference.to_numpy(), planned).fillna(np.inf)


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    runs = by_rule(table)
    moved, ends = distances(runs), final(runs, "test", ["rule", "warm", "ratio", "seed"])
    figure, axes = panels(2, 2, WIDTH, 5.4, sharex=True, sharey="row")
    for column, (warm, title) in enumerate(((True, "with warm-up"), (False, "without warm-up"))):
        log_axis(axes[1, column])
        _panel(axes[0, column], moved, warm)
        _panel(axes[1, column], ends, warm)
        axes[0, column].axhspan(-ABOUT, ABOUT, color="0.9", zorder=0)
        axes[0, column].set_title(title)
        log_factor_axis(axes[1, column], sorted(runs["ratio"].unique()))
        axes[1, column].set_xlabel("batch size over the reference's")
    axes[0, 0].set_ylabel("training-loss curve above the\nreference's (mean log ratio)")
    axes[1, 0].set_ylabel("final test loss (nats)")
    legend(figure, title="learning rate", loc="outside right upper")
    explain(figure, "grey: a quarter up or down")
    return figure


def _panel(axes: Axes, values: pd.Series, warm: bool) -> None:
    for rule, marker, color in zip(RULES, MARKERS, contrast(), strict=False):
        lines = grid(at(values, rule=rule, warm=warm), "ratio")
        over_seeds(axes, lines.index, lines, color=color, marker=marker, label=_name(rule))


def _name(rule: str) -> str:
    return {"none": "unchanged", "sqrt": "square root", "linear": "in proportion"}[rule]


if __name__ == "__main__":
    _drawing.main({"scaling_rules": draw}, __doc__)
