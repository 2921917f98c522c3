"""Epochs, steps and seconds to a target loss against batch size; the three regimes of Shallue et al. 2019.

python -m analysis.epochs_to_target --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import curve, final, grid
from analysis._style import WIDTH, contrast, log_axis, log_factor_axis, over_seeds, panels, seeds_at
from analysis._tables import levels, pivot, where
from analysis.claims._claim import ABOUT
from analysis.scaling_rules import by_rule

RUN = ["batch_size", "factor", "epochs", "schedule.values", "seed"]


def target(table: pd.DataFrame) -> float:
    """The loss to be reached, nats: about that of the reference batch at its last epoch.

    A quarter above the median over seeds of its last epoch's training loss, so that every seed gets there.
    """
    reference = where(by_rule(table), ratio=1.0, rule="linear", warm=True)
    return float(final(reference, "seen", ["seed"]).median() * np.exp(ABOUT))


def to_target(table: pd.DataFrame) -> pd.DataFrame:
    """Epochs and steps until an epoch's training loss first reaches the target, by batch size and seed.

    Of all rules, warm-ups and lengths that a batch size was trained with, the one that takes the fewest
    epochs, as Shallue et al. tune every batch size for itself. NaN where none gets there.
    """
    goal, runs = target(table), where(table, kind="RunConfig")
    curves = curve(runs, "seen", RUN)
    epochs = curves.index.to_numpy(float)[:, None]
    first = np.where(curves <= goal, epochs, np.inf).min(axis=0, initial=np.inf)
    reached = pd.DataFrame({"first": first}, curves.columns)
    best = pd.DataFrame(reached.groupby(level=["batch_size", "seed"]).min())
    best = best.replace(np.inf, np.nan).reset_index()
    per_epoch = runs["subset_size"].max() // best["batch_size"]
    return best.assign(epochs=best["first"], steps=best["first"] * per_epoch).drop(columns="first")


def seconds_per_step(table: pd.DataFrame) -> pd.Series:
    """Median over repetitions, by batch size."""
    timed = where(table, kind="Throughput", metric="seconds")
    return pivot(timed, "run.batch_size", "run.seed").median(axis=1)


def fit(batch_sizes: np.ndarray, steps: np.ndarray) -> tuple[float, float]:
    """Steps = least * (1 + turn / batch): what an infinite batch needs, and where perfect scaling ends.

    Far below `turn` the steps halve as the batch doubles, far above it they stay (McCandlish et al. 2018,
    equation 2.11). Least squares of the logarithm. Where the steps halve all the way, `turn` is only known to
    lie beyond the batches, and is at most a thousand times the largest.
    """
    from scipy.optimize import least_squares  # takes longer to load than all else here

    def errors(logs):
        least, turn = logs
        return least + np.log1p(np.exp(turn - np.log(batch_sizes))) - np.log(steps)

    start = (np.log(steps.min()), np.log(np.median(batch_sizes)))
    most = (np.inf, np.log(1000 * np.max(batch_sizes)))
    least, turn = least_squares(errors, start, bounds=((-np.inf, -np.inf), most)).x
    return float(np.exp(least)), float(np.exp(turn))


def regime(batch: float, turn: float) -> str:
    """By the slope of log steps against log batch: below -2/3 perfect, above -1/3 none, else diminishing."""
    slope = -turn / (turn + batch)
    return (
        "perfect scaling" if slope < -2 / 3 else "diminishing returns" if slope < -1 / 3 else "no more gain"
    )


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    reached = to_target(table)
    times = seconds_per_step(table)
    reached = reached.assign(seconds=reached["steps"] * times.reindex(reached["batch_size"]).to_numpy())
    goal, sizes = target(table), levels(where(table, kind="RunConfig"), "batch_size")
    figure, (axes,) = panels(1, 4, WIDTH * 1.5, 3.0)
    for panel, (column, label) in zip(
        axes,
        {"epochs": "epochs", "steps": "steps", "seconds": "seconds of steps"}.items(),
        strict=False,
    ):
        lines = grid(pd.Series(reached.set_index(["batch_size", "seed"])[column]), "batch_size").reindex(
            sizes
        )
        log_axis(panel)
        over_seeds(panel, lines.index, lines, color=contrast()[0], marker="o")
        title = f"{label} to {goal:.2g} nats" if np.isfinite(goal) else f"{label}: no reference to reach"
        panel.set(title=title, xlabel="batch size")
        log_factor_axis(panel, sizes)
    _regimes(axes[1], reached.dropna(), sizes)
    _gap(axes[3], table)
    return figure


def _regimes(axes: Axes, reached: pd.DataFrame, sizes: list) -> None:
    if len(np.unique(reached["batch_size"])) < 3:
        return
    least, turn = fit(reached["batch_size"].to_numpy(float), reached["steps"].to_numpy(float))
    x = np.geomspace(sizes[0], sizes[-1], 100)
    axes.plot(x, least * (1 + turn / x), color="0.3", linestyle="--", linewidth=1, label="fit")
    for end in (turn / 2, turn * 2):
        if sizes[0] < end < sizes[-1]:
            axes.axvline(end, color="0.5", linewidth=0.8, linestyle=":")
    names = [regime(x[0], turn), regime(x[-1], turn)]
    axes.text(0.03, 0.03, names[0], transform=axes.transAxes, fontsize=6, color="0.3")
    axes.text(0.97, 0.9, names[1], transform=axes.transAxes, fontsize=6, color="0.3", ha="right")


def _gap(axes: Axes, table: pd.DataFrame) -> None:
    """The final training loss at each number of epochs, at an unchanged learning rate."""
    values = gap(table)
    for index, (name, of_seed) in enumerate(values.items()):
        seeds_at(axes, index, of_seed, color=contrast()[index], label=str(name))
    axes.set_xticks(range(values.shape[1]), [str(name).replace(", ", "\n") for name in values], fontsize=6)
    axes.set(title="rate unchanged", ylabel="final training loss (nats)")


def gap(table: pd.DataFrame) -> pd.DataFrame:
    """Final training losses at an unchanged rate: reference, larger batch, larger batch with more epochs.

    The larger batch is the smallest that was trained longer. Rows are seeds; infinite where a run diverged.
    """
    runs = where(table, kind="RunConfig")
    short, long = by_rule(table), runs.loc[runs["epochs"] > runs["epochs"].min()]
    batch = long["batch_size"].min()
    rate = long["factor"] * long["batch_size"]
    kept = where(short, rule="none", warm=True)
    long = where(long.loc[rate == rate.min()], batch_size=batch)
    epochs = f"{runs['epochs'].min():g} epochs"
    reference = where(kept, ratio=1.0)
    columns = {
        f"batch {reference['batch_size'].max():g}, {epochs}": reference,
        f"batch {batch:g}, {epochs}": where(kept, batch_size=batch),
        f"batch {batch:g}, {long['epochs'].max():g} epochs": long,
    }
    losses = {name: final(of, "train", ["seed"]) for name, of in columns.items()}
    for values in losses.values():
        values.index = values.index.get_level_values(0)
    return pd.DataFrame(losses).reindex(np.unique(runs["seed"]))


if __name__ == "__main__":
    _drawing.main({"epochs_to_target": draw}, __doc__)
