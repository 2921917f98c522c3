"""How long places stand idle: the scheduler itself, over the presets' own runs, with training left out.

python -m tests.scale.idle
"""

from functools import partial
from typing import Any
from unittest import mock

import jax
import numpy as np

from experiments import lr_sweep
from research.data import Dataset
from research.records.store import Store
from research.sweeps import sweep as sweeps
from research.sweeps.leases import Leases
from research.training.batches import Images
from research.training.config import RunConfig, bind
from research.training.epoch import CompiledEpoch, EpochResult
from research.training.sharding import make_mesh, use_host_devices

# By epochs and batch size, the factor from which runs diverge, after a sixth of their epochs: for the quick
# sweep (12 epochs) as its records have it, for the article's (35) as the article says.
UNSTABLE = {(12, 32): 16, (12, 128): 4, (35, 128): 8, (35, 512): 2}


def idle(preset: str, devices: int) -> float:
    """The idle share of a learning-rate sweep on a number of devices."""
    experiment = lr_sweep.PRESETS[preset]
    side, size = (16, 4096) if preset == "quick" else (32, 50_000)
    pixels = np.broadcast_to(np.uint8(0), (size, side, side, 3))
    channels = np.ones(3, np.float32)
    labels = np.zeros(size, np.int32)
    dataset = Dataset(
        config=experiment.base.data,
        title="nothing",
        train_images=pixels,
        train_labels=labels,
        test_images=pixels[:1],
        test_labels=labels[:1],
        mean=channels,
        std=channels,
        classes=10,
    )
    runs = [bind(run, dataset) for run in experiment.runs()]
    with (
        mock.patch.object(sweeps, "_one_epoch", _no_epoch),
        mock.patch.object(sweeps, "make_mesh", partial(make_mesh, devices=jax.devices()[:devices])),
        mock.patch.object(CompiledEpoch, "images", return_value=mock.Mock(spec=Images)),
        mock.patch.object(CompiledEpoch, "blank", return_value=()),
        mock.patch.object(Store, "write", return_value=None),
        mock.patch.object(Store, "prepare", return_value=None),
        mock.patch.object(Leases, "acquire", return_value=True),
        mock.patch.object(Leases, "lost", return_value=False),
    ):
        return sweeps.sweep(runs, dataset, Store("nowhere")).idle


def _no_epoch(_: CompiledEpoch, places: list[sweeps._Place | None], states, *__):
    def ends(run: RunConfig, epochs: int) -> bool:
        unstable = run.factor >= UNSTABLE[run.epochs, run.batch_size]
        return unstable and epochs + 1 == max(1, run.epochs // 6)

    diverged = [place is not None and ends(place.run, place.so_far.epochs) for place in places]
    zeros: Any = np.zeros(len(places))
    steps: Any = np.where(diverged, 0, -1)
    return states, EpochResult({}, {}, zeros, steps)


if __name__ == "__main__":
    use_host_devices(8)
    print("| learning-rate sweep | 1 device | 2 | 4 | 8 |\n| --- | --- | --- | --- | --- |")
    for preset in ("quick", "paper"):
        shares = " | ".join(f"{idle(preset, devices):.1%}" for devices in (1, 2, 4, 8))
        print(f"| {preset} | {shares} |")
