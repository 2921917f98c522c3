"""A sweep through a real Slurm: `make test-slurm`."""

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from research.records.store import Store
from tests.slurm.cluster import cluster, install

ROOT = Path(__file__).parents[2]
SWEEP = "experiments.lr_sweep --preset smoke --batch-sizes 16 --factors 1 64"
LONG = "experiments.train --preset smoke --base.epochs 1500 --checkpoint-every 20"

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(os.getuid() != 0, reason="for root"),
    # submitit's array of one job leaves a pickle open for the collector to close.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def slurm():
    install()
    with cluster():
        yield


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The records of the same commands without Slurm."""
    results = tmp_path_factory.mktemp("here")
    for command in (SWEEP, LONG):
        python(command, "--results", results)
    return results


def python(words, *more, before=()):
    command = [*before, sys.executable, "-m", *shlex.split(words), *map(str, more)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def until(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def in_the_queue():
    listed = subprocess.run(["squeue", "--noheader"], capture_output=True, text=True, check=True)
    return listed.stdout.strip()


def records(results):
    return {path.parent.name for path in results.glob("records/[!.]*/record.json")}


def assert_equal_records(results, here, count):
    assert len(records(results)) == count
    for name in records(results):
        pd.testing.assert_frame_equal(
            Store(results).read(name)[1], Store(here).read(name)[1], check_exact=True
        )


def test_a_sweep_goes_through_slurm_and_only_what_is_missing_is_submitted_again(here, tmp_path):
    options = ("--results", tmp_path, "--launcher", "slurm", "--slurm.runs-per-job", 3, "--slurm.time", 5)
    assert "8 runs submitted as job array" in python(SWEEP, *options)
    assert "nothing submitted, 8 runs were in the queue" in python(SWEEP, *options)
    until(lambda: not in_the_queue())
    assert_equal_records(tmp_path, here, 8)
    assert Store(tmp_path).experiments() == [("smoke", "lr_sweep")]
    about, _ = Store(tmp_path).read(next(iter(records(tmp_path))))
    assert about["provenance"]["command"].startswith("python -m experiments.lr_sweep --preset smoke")
    lost = sorted(records(tmp_path))[0]
    (tmp_path / "records" / lost).rename(tmp_path / "elsewhere")
    assert "1 runs submitted as job array" in python(SWEEP, *options)
    until(lambda: not in_the_queue())
    assert_equal_records(tmp_path, here, 8)
    assert "0 runs trained, 0 diverged, 8 found done" in python(SWEEP, *options)


@pytest.mark.parametrize("how", ["its time is up", "it is preempted"])
def test_a_job_that_is_stopped_goes_on_from_its_checkpoint(here, tmp_path, how):
    python(LONG, "--results", tmp_path, "--launcher", "slurm", "--slurm.time", 5)
    until(lambda: list(tmp_path.glob("unfinished/*/epoch-*")))
    job = next(iter(json.loads(next(tmp_path.glob("jobs/*.json")).read_text())))
    if how == "its time is up":  # what Slurm sends then, as submitit asked it to
        subprocess.run(["scancel", "--signal=USR2", job], check=True)
    else:
        subprocess.run(["scontrol", "requeue", job], check=True)
    until(lambda: " PD " in in_the_queue())
    assert not records(tmp_path)
    until(lambda: not in_the_queue(), 300)
    assert_equal_records(tmp_path, here, 1)
    outcome = Store(tmp_path).outcome(next(iter(records(tmp_path))))
    assert outcome is not None
    assert outcome["resumed"][0] >= 20
    assert not list(tmp_path.glob("unfinished/*"))


def test_jax_finds_the_other_processes_of_a_slurm_step(here, tmp_path):
    options = ("--results", tmp_path, "--data-parallel", 2, "--host-devices", 1, "--processes", 2)
    printed = python(SWEEP, *options, before=("srun", "--ntasks=2"))
    assert printed.count("8 runs trained") == 1
    for name in records(tmp_path):
        rows, alone = Store(tmp_path).read(name)[1], Store(here).read(name)[1]
        finite = alone["metric"].isin(["loss", "accuracy"])
        np.testing.assert_allclose(rows["value"][finite], alone["value"][finite], rtol=1e-4, atol=1e-4)
