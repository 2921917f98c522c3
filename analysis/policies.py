"""Final test loss under each learning-rate policy, at every peak rate and at each policy's best.

python -m analysis.policies --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import at, final, grid, logs
from analysis._style import (
    WIDTH,
    contrast,
    legend,
    log_axis,
    log_factor_axis,
    markers,
    over_seeds,
    panels,
    seeds_at,
)
from analysis._tables import where

ORDER = ("fixed", "step", "exp", "inv", "multistep", "poly", "sigmoid")


def losses(table: pd.DataFrame) -> pd.Series:
    """Log of the final test loss by (policy, factor, seed); infinite where a run diverged."""
    runs = where(table, kind="RunConfig")
    values = final(runs, "test", ["schedule.name", "factor", "seed"])
    return logs(values).rename_axis(["policy", "factor", "seed"])


def chosen_by_others(table: pd.DataFrame) -> pd.DataFrame:
    """Each seed's log test loss of every policy, at the peak rate that is best by the other seeds' mean.

    A seed that judged its own rate would look better than it is. Rows are seeds, columns policies.
    """
    values = losses(table).unstack("seed")
    found = {}
    for seed in values:
        others = values.drop(columns=seed).mean(axis=1).dropna()
        best = others.groupby(level="policy").idxmin()
        found[seed] = {policy: values.loc[place, seed] for policy, place in best.items()}
    return pd.DataFrame.from_dict(found, orient="index")


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    values = pd.Series(np.exp(losses(table)))
    best = pd.DataFrame(np.exp(chosen_by_others(table))) if values.index.unique("seed").size > 1 else None
    present = [policy for policy in ORDER if policy in values.index.unique("policy")]
    figure, (axes,) = panels(1, 2, WIDTH * 1.1, 3.0, sharey=True)
    log_axis(axes[0])
    looks = zip(contrast(len(present)), markers(len(present)), strict=True)
    for index, (policy, (color, marker)) in enumerate(zip(present, looks, strict=True)):
        style = {"color": color, "marker": marker, "label": policy}
        lines = grid(at(values, policy=policy), "factor")
        over_seeds(axes[0], lines.index, lines, **style)
        if best is not None and policy in best:
            seeds_at(axes[1], index, best[policy], **style)
    axes[0].set(xlabel="factor of the peak rate", ylabel="final test loss (nats)")
    log_factor_axis(axes[0], sorted(values.index.unique("factor")))
    axes[1].set_xticks(range(len(present)), present, fontsize=6)
    axes[1].set_title("at each policy's best peak rate")
    legend(figure, axes[:1], loc="outside right upper")
    return figure


if __name__ == "__main__":
    _drawing.main({"policies": draw}, __doc__)
