"""Finished runs for other people's dashboards: TensorBoard event files, Weights & Biases.

Both are copies made from the records after a sweep; the records stay the only source of figures and claims.
"""

import importlib
import importlib.util
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from research.errors import require
from research.records.disk import clear_leftovers, partial_name, report_disk_full
from research.records.store import Store, flatten

if TYPE_CHECKING:
    import pandas as pd


def to_tensorboard(store: Store, ids: Iterable[str], folder: Path) -> int:
    """Write a folder of event files for each record that has none yet; returns how many were written.

    A scalar is named split/metric and stands at its step; the config is under "Text".

    Raises:
        InvalidInput: nothing can be written there.
    """
    from tensorboardX import SummaryWriter  # of few commands, and no quick import

    clear_leftovers(folder)
    written = 0
    for name in ids:
        target = folder / name
        if target.exists():
            continue
        about, rows = store.read(name)
        # An export that is killed leaves its half of the points in a folder that no other resumes.
        partial = folder / partial_name(name)
        try:
            with report_disk_full(folder), SummaryWriter(str(partial), flush_secs=3600) as writer:
                writer.add_text("config", f"```json\n{json.dumps(about['config'], indent=1)}\n```")
                for row in _scalars(rows):
                    # The time of writing says nothing: zero, so that equal records give equal curves.
                    writer.add_scalar(f"{row.split}/{row.metric}", row.value, row.step, walltime=0)
            try:
                partial.rename(target)
            except OSError:  # another process has the same to write
                if not target.exists():
                    raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        written += 1
    return written


def to_wandb(store: Store, ids: Iterable[str], project: str) -> int:
    """Log each record as a run of its own, named by its identity; returns how many were logged.

    `WANDB_MODE=offline` keeps them on this machine.

    Raises:
        InvalidInput: wandb is not installed.
    """
    require_wandb()
    wandb = importlib.import_module("wandb")  # the user's own: this project does not install it
    logged = 0
    for name in ids:
        about, rows = store.read(name)
        with wandb.init(project=project, id=name, name=name, config=flatten(about["config"])) as run:
            for step, group in rows.groupby("step"):
                values = {f"{row.split}/{row.metric}": row.value for row in _scalars(group)}
                run.log(values, step=int(str(step)))
        logged += 1
    return logged


def require_wandb() -> None:
    """Refuse, in one line, before anything is trained, what cannot be done afterwards."""
    found = importlib.util.find_spec("wandb") is not None
    require(found, "wandb", True, "is not installed; pip install wandb")


def _scalars(rows: "pd.DataFrame") -> Iterable[Any]:
    return rows.loc[rows["metric"] != "order_checksum"].itertuples()  # a check of replays, nothing to look at
