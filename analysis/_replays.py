"""What frozen models remember, as replays and withheld cohorts recorded it: the one place that reads them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis._tables import column, pivot, where
from research.errors import require

NEWEST = (0.0, 1 / 8)  # ages in epochs: above the first, up to the second
OLDER = (1 / 2, 1.0)  # within the last epoch: beyond it every image has been visited again
BEYOND = (1.0, np.inf)

KINDS = ("view", "image", "both")
BINS_PER_EPOCH = 8  # of curves: replayed batches are averaged in eighths of an epoch, the newest first


def remembered(table: pd.DataFrame, facts: Sequence[str] = ()) -> pd.DataFrame:
    """What frozen models remember of each batch that they saw, in the unit of their loss.

    Memory of the `view` is the loss of the same images in a fresh view less that of the batch
    as it was seen; memory of the `image` that of images that were never seen less that of the fresh view;
    `both` is their sum, what the article plots.

    Args:
        facts: columns of the run to keep.

    Returns:
        A row for each batch that was replayed, with the columns `KINDS`, `error` (standard error of the
        never-seen images' loss, which all batches of a record share), `ago` (the batch's age in epochs when
        the model was frozen), `per_epoch` (batches in an epoch), `frozen` (epochs that the model was trained
        for), `record`, `run.factor`, `run.seed` and the facts.

    Raises:
        InvalidInput: there are replays, but without images that were never seen.
    """
    replays = where(table, kind="Replay", metric="loss")
    columns = list(dict.fromkeys(["record", "run.factor", "run.seed", *facts]))
    own = ["ago", "per_epoch", "frozen", *KINDS, "error"]
    if replays.empty:
        return pd.DataFrame(columns=[*columns, *own], dtype=float)
    _require(replays, "seen", "fresh_view", "never_seen")
    # Rows of images that were never seen stand at the step at which the model was frozen.
    never = where(replays, split="never_seen").groupby("record", as_index=False)[["value", "epoch"]].mean()
    errors = where(table, kind="Replay", metric="error", split="never_seen")
    errors = errors.groupby("record", as_index=False)["value"].mean()
    fresh = where(replays, split="fresh_view").loc[:, ["record", "epoch", "value"]]
    seen = where(replays, split="seen").loc[:, [*columns, "epoch", "value"]]
    found = seen.merge(fresh, how="left", on=["record", "epoch"], suffixes=("", "_fresh"))
    found = found.merge(pd.DataFrame(never), how="left", on="record", suffixes=("", "_never"))
    found = found.merge(pd.DataFrame(errors), how="left", on="record", suffixes=("", "_error"))
    ago = found["epoch_never"] - found["epoch"]
    last = ago.le(1 + 1e-6).groupby(found["record"]).transform("sum")
    return pd.DataFrame(found[columns]).assign(
        ago=ago,
        per_epoch=last,
        frozen=found["epoch_never"],
        view=found["value_fresh"] - found["value"],
        image=found["value_never"] - found["value_fresh"],
        both=found["value_never"] - found["value"],
        error=found["value_error"],
    )


def mean_memory(found: pd.DataFrame, kind: str, ages: tuple[float, float]) -> pd.Series:
    """The mean memory of batches of some ages, in some of `remembered`'s rows: a number for each seed."""
    return pd.Series(of_ages(found, ages).groupby("run.seed")[kind].mean())


def of_ages(found: pd.DataFrame, ages: tuple[float, float]) -> pd.DataFrame:
    """Those of `remembered`'s rows that are of batches of some ages, in epochs."""
    ago = found["ago"].to_numpy(float)
    # A batch seen at step s ends its part of the epoch at s + 1: the newest is a step old and not younger.
    return pd.DataFrame(found.loc[(ago > ages[0] + 1e-6) & (ago <= ages[1] + 1e-6)])


def by_age(found: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Mean memory by age: rows are the middles of `BINS_PER_EPOCH` bins in each epoch, columns seeds."""
    if found.empty:
        return pd.DataFrame(index=pd.Index([], dtype=float, name="ago"))
    number = np.ceil(found["ago"].to_numpy(float) * BINS_PER_EPOCH - 1e-6)
    binned = found.assign(ago=(number - 0.5) / BINS_PER_EPOCH)
    return binned.pivot_table(index="ago", columns="run.seed", values=kind)


def of_test_set(table: pd.DataFrame) -> pd.Series:
    """The loss of the test set less that of never-seen training images, both augmented, for each seed."""
    replays = where(table, kind="Replay", metric="loss")
    if replays.empty:
        return pd.Series(dtype=float)
    losses = pivot(replays, "run.seed", "split").reindex(columns=["test_view", "never_seen"])
    return pd.Series(losses["test_view"] - losses["never_seen"])


def withheld(table: pd.DataFrame) -> pd.DataFrame:
    """What is left of a cohort's advantage over images never seen, at each moment since its last visit.

    Returns:
        A row for each record and moment: `record`, `run.factor`, `run.seed`, `steps`, `epochs` and `rate`
        (the ages: updates, epochs, and learning rates summed over the updates), `memory` (loss of the
        never-seen images less the cohort's, in the unit of their loss), `error`, its standard error over
        the images, which are the same at all moments, and `turn`, of the blocks of images.

    Raises:
        InvalidInput: there are such records, but of an order without a cohort.
    """
    groups = where(table, kind="GroupLosses")
    columns = ["record", "run.factor", "run.seed"]
    if groups.empty:
        own = ["steps", "epochs", "rate", "memory", "error", "turn"]
        return pd.DataFrame(columns=[*columns, *own], dtype=float)
    _require(groups, "cohort", "never_seen")
    chosen = groups.loc[groups["split"].isin(["cohort", "never_seen", "optimizer"])]
    turn = column(chosen, "run.order.turn").astype(float)
    chosen = chosen.assign(what=chosen["split"] + " " + chosen["metric"], turn=turn)
    moments = chosen.pivot_table(index=[*columns, "turn", "step", "epoch"], columns="what", values="value")
    wanted = [f"{split} {metric}" for split in ("cohort", "never_seen") for metric in ("loss", "error")]
    moments = moments.reindex(columns=[*wanted, "optimizer summed_rate"]).reset_index()
    since = moments[["step", "epoch"]] - moments.groupby("record")[["step", "epoch"]].transform("min")
    return pd.DataFrame(moments[columns]).assign(
        steps=since["step"],
        epochs=since["epoch"],
        rate=moments["optimizer summed_rate"],
        memory=moments["never_seen loss"] - moments["cohort loss"],
        error=np.hypot(moments["never_seen error"], moments["cohort error"]),
        turn=moments["turn"],
    )


def _require(rows: pd.DataFrame, *splits: str) -> None:
    known = sorted(rows["split"].unique())
    lacking = not set(splits) <= set(known)
    allowed = f"these records must have {', '.join(splits)}; run their command again"
    require(not lacking, "split", ", ".join(known), allowed)
