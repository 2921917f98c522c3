"""What submitting does without Slurm; `tests/slurm` goes through a real one."""

import json

import pytest

from research.errors import InvalidInput
from research.sweeps import slurm
from research.sweeps.slurm import Slurm, in_the_queue, require_slurm


@pytest.fixture
def bin(tmp_path, monkeypatch):
    """A folder for programs, and no others to be found."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


def program(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_without_slurm_nothing_is_submitted(bin):
    with pytest.raises(InvalidInput, match="there is no sbatch"):
        require_slurm()


def test_without_submitit_neither(bin, monkeypatch):
    program(bin / "sbatch", "")
    monkeypatch.setattr(slurm.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InvalidInput, match="pip install submitit"):
        require_slurm()


def test_what_sbatch_refuses_is_one_line(bin, tmp_path):
    program(bin / "sbatch", "echo 'sbatch: error: invalid partition specified: nowhere' >&2; exit 1")
    program(bin / "srun", "")
    with pytest.raises(InvalidInput, match="sbatch refuses the jobs") as error:
        slurm.submit([print], [["a"]], Slurm(partition="nowhere"), tmp_path / "results")
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "results" / "jobs").glob("*.json"))


def test_runs_of_jobs_that_squeue_lists_are_in_the_queue(bin, tmp_path):
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "7.json").write_text(json.dumps({"7_0": ["a", "b"], "7_1": ["c"]}))
    (tmp_path / "jobs" / "8.json").write_text("{")
    program(bin / "squeue", "echo 7_1; echo 9_0")
    assert in_the_queue(tmp_path) == {"c"}
    assert in_the_queue(tmp_path / "new") == set()
