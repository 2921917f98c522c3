"""The command line: what a user's mistake looks like, and what Ctrl-C leaves behind."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from experiments._command import RunOptions
from research.errors import InvalidInput

ROOT = Path(__file__).parents[2]


def python(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", *map(str, words)], cwd=ROOT, capture_output=True, text=True, **options
    )


def test_help_names_every_field_of_a_run():
    text = python("experiments.lr_sweep", "--preset", "smoke", "--help").stdout
    for option in (
        "--preset",
        "--data",
        "--results",
        "--seeds",
        "--base.optimizer.weight-decay",
        "--base.model.width",
    ):
        assert option in text
    assert "nested, class-balanced" in text


def test_ctrl_c_leaves_the_finished_runs_and_says_how_to_go_on(tmp_path):
    results = tmp_path / "r"
    words = ["experiments.lr_sweep", "--preset", "smoke", "--base.epochs", "40", "--results"]
    process = subprocess.Popen(
        [sys.executable, "-m", *words, str(results)], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not list(results.glob("records/*/record.json")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"python -m experiments.lr_sweep --preset smoke --base.epochs 40 --results {results}" in errors
    assert re.search(r"\d+ of 16 runs are done, \d+ are left", errors)
    assert "Traceback" not in errors


@pytest.mark.slow
def test_the_users_own_images_go_all_the_way_to_a_figure(tmp_path):
    mine, results, figures = tmp_path / "Three Classes.npz", tmp_path / "r", tmp_path / "f"
    rng = np.random.default_rng(0)
    np.savez(
        mine,
        train_images=rng.integers(0, 256, (300, 8, 8, 1), np.uint8),
        train_labels=np.arange(300) % 3,
        test_images=rng.integers(0, 256, (30, 8, 8, 1), np.uint8),
        test_labels=np.arange(30) % 3,
    )
    words = "experiments.lr_sweep --preset smoke --base.data.train-size None --base.data.test-size None"
    ran = python(*words.split(), "--data", mine, "--results", results)
    assert ran.returncode == 0, ran.stderr
    assert "(smoke-three-classes)" in ran.stdout
    drawn = python("analysis.lr_sweep", "--results", results, "--figures", figures)
    assert drawn.returncode == 0, drawn.stderr
    assert (figures / "smoke-three-classes" / "lr_sweep.png").stat().st_size > 10_000


def test_options_are_checked():
    with pytest.raises(InvalidInput, match="host_devices is 0"):
        RunOptions(host_devices=0)


def test_quiet_when_nobody_watches(tmp_path):
    colourful = os.environ | {"TERM": "xterm-256color"}
    result = python("experiments.train", "--preset", "smoke", "--results", tmp_path / "r", env=colourful)
    assert re.fullmatch(r"on \d+ host devices?; \d+ cores to use\n", result.stderr)
    assert result.stdout.count("\n") == 1


SLOW = {"jax", "flax", "optax", "orbax", "tensorstore", "matfree", "llvmlite", "tensorboardX", "pyarrow"}
"""Packages that take a second or more between them: nobody is to wait for one that is not used."""


@pytest.mark.parametrize(
    ("module", "unused"),
    [
        ("commandline", SLOW | {"pandas", "numpy"}),
        ("experiments", SLOW | {"pandas", "numpy"}),
        ("experiments.status", SLOW | {"pandas", "numpy", "matplotlib"}),
        ("research.records.store", SLOW | {"pandas", "numpy"}),
        ("research.records.provenance", SLOW | {"pandas", "numpy"}),
        ("research.sweeps.slurm", SLOW | {"pandas", "numpy"}),
        ("analysis.claims", SLOW - {"pyarrow"}),
        ("experiments._command", {"orbax", "tensorstore", "matfree", "llvmlite", "tensorboardX", "pandas"}),
        ("experiments.lr_sweep", {"orbax", "tensorstore", "matfree", "llvmlite", "tensorboardX", "pandas"}),
    ],
)
def test_what_a_command_does_not_use_is_not_imported(module, unused):
    code = f"import sys, {module}; print(*sys.modules)"
    plain = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=plain, capture_output=True, text=True, check=True
    )
    assert not unused & set(done.stdout.split())
