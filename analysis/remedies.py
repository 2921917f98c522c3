"""Remedies: loss and memory of images of each, against plain SGD's at its best factor and at equal updates.

python -m analysis.remedies --label quick
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import final
from analysis._style import (
    WIDTH,
    contrast,
    explain,
    leave_out_far_values,
    legend,
    log_axis,
    log_factor_axis,
    markers,
    over_seeds,
    panels,
)
from analysis._tables import levels, nothing, pivot, where
from analysis.fading import drawable, of_replays

PLAIN, AVERAGED = "plain SGD", "averaged"
LOSS, FROZEN, IMAGE, HALF_LIFE, MOVED = "loss", "frozen", "image", "half-life", "moved"
KEYS = ["remedy", "factor", "seed"]


def points(table: pd.DataFrame) -> pd.DataFrame:
    """What each run came to, indexed by `KEYS`.

    Returns:
        `loss`, the test set's after annealing; of averaged weights, before it. `frozen`, that of images never
        seen at the end of the peak; `image`, the mean memory then of the images of the last epoch; in nats.
        `half-life`, that memory's, in epochs, NaN where none is seen. `moved`, the sum over the steps up to
        then of an update's length over the weights'. A run that diverged has an infinite loss and no more.
    """
    runs = _named(where(table, kind="RunConfig"), "")
    replays = _named(where(table, kind="Replay"), "run.")
    peak = float(max(levels(replays, "config.epoch"), default=np.nan))
    plain = where(runs, remedy=PLAIN)
    averages = plain.assign(remedy=AVERAGED, epochs=peak)
    loss = pd.concat([final(runs, "test", KEYS), final(averages, "test_average", KEYS)])
    facts = _memory(replays)
    moved = _moved(pd.concat([runs, averages], ignore_index=True), peak)
    return pd.DataFrame({LOSS: loss, **facts, MOVED: moved}).rename_axis(index=KEYS)


def _named(rows: pd.DataFrame, prefix: str) -> pd.DataFrame:
    """The rows with a column `remedy`, what differs from plain SGD, of which alone an average is kept."""

    def column(name: str) -> pd.Series:
        return pd.Series(rows.get(prefix + name, np.nan), rows.index)

    kept = column("averaging.kind").fillna("none") != "none"
    width, size = column("model.width"), column("batch_size")
    kind, share = column("optimizer.kind"), column("optimizer.share")
    remedy = pd.Series(PLAIN, rows.index, dtype=object)
    for name, values, own in (("width", width, width[kept]), ("batch", size, size[kept])):
        other = values.notna() & ~values.isin(own)
        remedy = remedy.where(~other, [f"{name} {value:g}" for value in values.fillna(0)])
    remedy = remedy.where(kind.isin(["sgd", "sparse_sgd"]), kind.astype(str).str.replace("_", " "))
    remedy = remedy.where(kind != "sparse_sgd", [f"share 1/{1 / value:g}" for value in share.fillna(1)])
    average = rows["weights"] == "average" if "weights" in rows else pd.Series(False, rows.index)
    return rows.assign(remedy=remedy.where(~average, AVERAGED))


def _memory(replays: pd.DataFrame) -> dict[str, pd.Series]:
    """`frozen`, `image` and `half-life`, by `KEYS`."""
    if not {"seen", "fresh_view", "never_seen"} <= set(replays["split"]):
        return {name: pd.Series(index=nothing(KEYS), dtype=float) for name in (FROZEN, IMAGE, HALF_LIFE)}
    keys = ["remedy", "run.factor", "run.seed"]
    by_split = pivot(where(replays, metric="loss"), keys, "split")
    by_split = by_split.reindex(columns=["never_seen", "fresh_view"])
    lives = drawable(where(of_replays(replays, ["remedy"]), memory="image")).set_index(keys)["half_life"]
    never, fresh = (pd.Series(by_split[split]) for split in ("never_seen", "fresh_view"))
    return {FROZEN: never, IMAGE: never - fresh, HALF_LIFE: pd.Series(lives)}


def _moved(runs: pd.DataFrame, peak: float) -> pd.Series:
    seen = where(runs, split="seen", status="finished")
    if seen.empty or not np.isfinite(peak):
        return pd.Series(index=nothing(KEYS), dtype=float)
    steps = seen["subset_size"] // seen["batch_size"]
    seen = seen.assign(steps=steps).loc[seen["epoch"] <= peak]
    norms = pivot(seen, [*KEYS, "epoch", "steps"], "metric").reindex(
        columns=["update_norm", "parameter_norm"]
    )
    each = norms["update_norm"] / norms["parameter_norm"] * norms.index.get_level_values("steps")
    return pd.Series(each.groupby(level=KEYS).sum(min_count=1))


def remedies(found: pd.DataFrame) -> list[str]:
    """The remedies of some `points`, plain SGD first, in groups."""
    names = sorted(found.index.unique("remedy"), key=lambda name: (name.split()[0], _size(name)))
    return [
        *(name for name in (PLAIN, AVERAGED) if name in names),
        *(n for n in names if n not in (PLAIN, AVERAGED)),
    ]


def _size(name: str) -> float:
    """How far from plain SGD: 16 of `share 1/16` and of `width 16`."""
    digits = re.search(r"[\d.]+$", name)
    return float(digits[0]) if digits else 0.0


def of(found: pd.DataFrame, remedy: str, what: str) -> pd.DataFrame:
    """One number of a remedy: rows factors, columns seeds."""
    part = found.loc[found.index.get_level_values("remedy") == remedy, what]
    return pivot(part.rename("value").reset_index(), "factor", "seed", dropna=False).sort_index()


def best(found: pd.DataFrame, remedy: str) -> float | None:
    """The factor of the lowest mean loss over seeds; None where no factor is known in all of them."""
    means = of(found, remedy, LOSS).mean(axis=1, skipna=False).to_numpy(float)
    factors = of(found, remedy, LOSS).index.to_numpy(float)[np.isfinite(means)]
    return float(factors[np.argmin(means[np.isfinite(means)])]) if len(factors) else None


def at_best(found: pd.DataFrame, remedy: str, what: str) -> pd.Series:
    """A number at the remedy's best factor, for each seed."""
    values, factor = of(found, remedy, what), best(found, remedy)
    if factor is None or factor not in values.index:
        return pd.Series(np.nan, values.columns, dtype=float)
    return pd.Series(values.loc[factor])


def against_plain(found: pd.DataFrame, remedy: str, what: str) -> pd.Series:
    """A number at the remedy's best factor less plain SGD's at its own, for each seed."""
    return at_best(found, remedy, what) - at_best(found, PLAIN, what)


def doublings(found: pd.DataFrame, remedy: str) -> pd.Series:
    """Log2 of the half-life of a remedy's memory of images over plain SGD's, each at its best factor."""
    ours, plain = (at_best(found, name, HALF_LIFE) for name in (remedy, PLAIN))
    return pd.Series(np.log2((ours / plain).astype(float)))


def matched(found: pd.DataFrame, remedy: str) -> pd.Series:
    """Memory of images at the remedy's best factor less plain SGD's where its weights moved as far, nats.

    Plain SGD's is interpolated in the logarithm of `moved`; NaN beyond its sweep.
    """
    image, moved = (at_best(found, remedy, what) for what in (IMAGE, MOVED))
    plain, lengths = (of(found, PLAIN, what) for what in (IMAGE, MOVED))

    def at(seed: object) -> float:
        if seed not in plain or seed not in lengths:
            return np.nan
        known = pd.DataFrame({"x": np.log(lengths[seed]), "y": plain[seed]}).dropna().sort_values("x")
        if known.empty:
            return np.nan
        return float(np.interp(np.log(moved[seed]), known["x"], known["y"], left=np.nan, right=np.nan))

    return pd.Series({seed: image[seed] - at(seed) for seed in image.index}, dtype=float)


def cost(found: pd.DataFrame, remedy: str, chance: float, factor: float = 4.0) -> pd.Series:
    """What a factor costs in loss against the remedy's best one, nats; NaN where it was not tried.

    Args:
        chance: the loss of a guess, nats: what a run that diverged counts as.
    """
    values, lowest = of(found, remedy, LOSS).clip(upper=chance), best(found, remedy)
    if lowest is None or factor not in values.index:
        return pd.Series(np.nan, values.columns, dtype=float)
    return pd.Series(values.loc[factor] - values.loc[lowest])


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    found = points(table)
    every = remedies(found)
    looks = dict(zip(every, zip(contrast(len(every)), markers(len(every)), strict=True), strict=True))
    figure, ((loss, image), (half_life, plane)) = panels(2, 2, WIDTH, 7.4)
    log_axis(half_life)
    _curves(loss, found, looks, LOSS, "test loss, annealed (nats)")
    _curves(image, found, looks, IMAGE, "memory of images (nats)")
    _curves(half_life, found, looks, HALF_LIFE, "its half-life (epochs)")
    factors = sorted(found.index.unique("factor"))
    for panel in (loss, image, half_life):
        log_factor_axis(panel, factors)
        panel.set_xlabel("learning-rate factor, each remedy's own")
    _plane(plane, found, looks)
    legend(figure, [loss], loc="outside upper center", ncols=4)
    known = found.loc[found[IMAGE].notna()]
    marks = (
        "averaged weights: before annealing; no half-life where no memory is seen, "
        f"{len(known) - known[HALF_LIFE].count()} of {len(known)} "
        "runs; lower right, a point for each factor, means over seeds"
    )
    for what, panel, values in (("losses", loss, found[LOSS]), ("memories at the peak", image, found[IMAGE])):
        marks += leave_out_far_values(panel, values, what)
    plane.set_ylim(image.get_ylim())
    explain(figure, marks)
    return figure


Looks = Mapping[str, tuple[Any, str]]


def _curves(axes: Axes, found: pd.DataFrame, looks: Looks, what: str, label: str) -> None:
    for name, (color, marker) in looks.items():
        values = of(found, name, what)
        style = {"color": color, "marker": marker, "markersize": 3, "label": name}
        over_seeds(axes, values.index, values, **style)
    axes.set_ylabel(label)


def _plane(axes: Axes, found: pd.DataFrame, looks: Looks) -> None:
    """Memory against how far the weights moved."""
    axes.set_xscale("log", base=2)
    for name, (color, marker) in looks.items():
        moved, image = (of(found, name, what).mean(axis=1) for what in (MOVED, IMAGE))
        known = (moved > 0) & image.notna()
        style = {"linewidth": 1.6 if name == PLAIN else 0.6, "markersize": 3, "label": name}
        axes.plot(moved[known], image[known], color=color, marker=marker, gid="mean", **style)  # type: ignore[arg-type]
    axes.set(xlabel="relative update, summed up to the peak", ylabel="memory of images (nats)")


if __name__ == "__main__":
    _drawing.main({"remedies": draw}, __doc__)
