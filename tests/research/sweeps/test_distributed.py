"""Two real processes on the loopback interface train one run together."""

import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

from experiments import train
from research import data
from research.records.store import Store
from research.sweeps.sweep import sweep

ROOT = Path(__file__).parents[3]
TOLERANCE = (
    1e-4  # of losses (nats) and accuracies: the order of additions differs, as on two devices of one host
)


def start(results, *more):
    words = "experiments.train --preset smoke --host-devices 1 --results"
    return subprocess.Popen(
        [sys.executable, "-m", *words.split(), str(results), *more],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_train_one_run_to_the_losses_of_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    together = ("--processes", "2", "--data-parallel", "2", "--coordinator", f"127.0.0.1:{port}")
    processes = [
        start(tmp_path / "two", *together, "--process-id", "0"),
        start(tmp_path / "nowhere", *together, "--process-id", "1"),
    ]
    experiment, one = train.PRESETS["smoke"], Store(tmp_path / "one")
    sweep(experiment.runs(), data.load(experiment.base.data), one)
    said = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert "1 run trained" in said[0][0]
    assert " trained" not in said[1][0]
    assert not (tmp_path / "nowhere").exists()
    (name,) = (path.name for path in (tmp_path / "two" / "records").iterdir())
    two, alone = Store(tmp_path / "two").read(name)[1], one.read(name)[1]
    np.testing.assert_allclose(two["value"], alone["value"], rtol=TOLERANCE, atol=TOLERANCE)
    checksums = two["metric"] == "order_checksum"
    np.testing.assert_array_equal(two["value"][checksums], alone["value"][checksums])
