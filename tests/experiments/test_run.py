"""Results folders of every kind that a command may find, and how many devices it takes."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from experiments._command import Job, RunOptions
from experiments._experiment import SMOKE, Experiment
from experiments._run import ROOM, devices_for, run_all
from research.errors import InvalidInput
from research.measures.replay import Replay
from research.records.identity import restored
from research.records.store import Store
from research.training.config import RunConfig

ROOT = Path(__file__).parents[2]
TINY = "--preset smoke --subset-sizes 64 --batch-sizes 16 --factors 1 --seeds 1"
DRAWN = "--preset smoke --images drawn --label mine"
SIZES = {"train": 400, "test": 80}
READER = "setpriv --reuid 12345 --regid 12345 --clear-groups --inh-caps=+dac_read_search"
READER += " --ambient-caps=+dac_read_search"  # who may read everything, and write nothing of others


def command(results, module="experiments.lr_sweep", words=TINY, before=""):
    words = [*before.split(), sys.executable, "-m", module, *words.split(), "--results", str(results)]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The results of one run."""
    results = tmp_path_factory.mktemp("finished") / "r"
    done = command(results)
    assert done.returncode == 0, done.stderr
    return results


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="becoming another user is root's"
)
class TestReadOnly:
    @pytest.fixture(autouse=True)
    def open_to_readers(self, finished):
        for folder in (finished, *finished.parents[:3]):
            folder.chmod(folder.stat().st_mode | 0o755)

    def test_what_is_finished_is_found_done(self, finished):
        before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
        done = command(finished, before=READER)
        assert done.returncode == 0, done.stderr
        assert "0 runs trained, 0 diverged, 1 found done" in done.stdout
        assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == before

    @pytest.mark.parametrize(
        "words",
        [
            TINY.replace("--factors 1", "--factors 2"),  # a run is missing
            f"{TINY} --label mine",  # the run is there, and no statement of that label
        ],
    )
    def test_what_is_not_is_one_line(self, finished, words):
        done = command(finished, words=words, before=READER)
        assert done.returncode == 2
        last = done.stderr.splitlines()[-1]
        assert last.startswith("error: results is")
        assert "must be a folder that can be written to (Permission denied)" in last
        assert "Traceback" not in done.stderr

    def test_a_measurement_that_is_missing_is_one_line(self, tmp_path):
        words = "--preset smoke --seeds 1"
        done = command(tmp_path / "r", "experiments.forgetting", words)
        assert done.returncode == 0, done.stderr
        store = Store(tmp_path / "r")
        for name in store.names():
            if store.about(name)["config"]["kind"] != "RunConfig":
                shutil.rmtree(tmp_path / "r" / "records" / name)
        for folder in (tmp_path, *tmp_path.parents[:3]):
            folder.chmod(folder.stat().st_mode | 0o755)
        done = command(tmp_path / "r", "experiments.forgetting", words, before=READER)
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].startswith("error: results is")


def test_states_that_were_deleted_for_room_are_made_again_only_for_what_is_not_measured(tmp_path):
    words, records = "--preset smoke --seeds 1", tmp_path / "r" / "records"
    assert command(tmp_path / "r", "experiments.forgetting", words).returncode == 0
    for folder in records.glob("*/checkpoints"):
        shutil.rmtree(folder)
    again = command(tmp_path / "r", "experiments.forgetting", words)
    assert again.returncode == 0, again.stderr
    assert "0 runs trained, 0 diverged, 4 found done, 0 measurements" in again.stdout
    store = Store(tmp_path / "r")
    measured = [name for name in store.names() if store.about(name)["config"]["kind"] != "RunConfig"]
    shutil.rmtree(records / measured[0])
    third = command(tmp_path / "r", "experiments.forgetting", words)
    assert "1 run trained, 0 diverged, 3 found done, 1 measurement" in third.stdout
    fourth = command(tmp_path / "r", "experiments.forgetting", words)
    assert "0 runs trained" in fourth.stdout


def test_what_ran_out_of_memory_on_other_devices_is_measured_and_the_cores_are_split(tmp_path):
    words = "--preset smoke --seeds 1"
    assert command(tmp_path / "r", "experiments.forgetting", words).returncode == 0
    store = Store(tmp_path / "r")
    measured = [name for name in store.names() if store.about(name)["config"]["kind"] != "RunConfig"]
    config = restored(Replay, store.about(measured[0])["config"])
    store.set_aside(config)
    store.write(config, [], {"status": "out_of_memory", "memory_of": "1 x a small GPU"}, {})
    again = command(tmp_path / "r", "experiments.forgetting", f"{words} --host-devices 2")
    assert again.returncode == 0, again.stderr
    assert "4 found done, 1 measurement" in again.stdout
    assert store.about(measured[0])["outcome"]["status"] == "finished"


def test_a_lease_folder_that_a_copy_dropped_is_made_again(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "r")
    for folder in ("leases", "plans", "experiments"):
        shutil.rmtree(tmp_path / "r" / folder, ignore_errors=True)
    done = command(tmp_path / "r", words=TINY.replace("--factors 1", "--factors 1 2"))
    assert done.returncode == 0, done.stderr
    assert "1 run trained, 0 diverged, 1 found done" in done.stdout


def test_the_devices_are_said_and_recorded(finished):
    done = command(finished, words=f"{TINY} --label other --factors 4 8 --host-devices 3")
    assert done.stderr.startswith("on 3 host devices;")
    store = Store(finished)
    assert {store.about(name)["provenance"]["device"][:2] for name in store.names()} == {"1 ", "3 "}


@pytest.mark.parametrize(
    ("at_once", "data_parallel", "cores", "free", "devices"),
    [
        (56, 1, 16, None, 16),  # a run for each core
        (3, 1, 16, None, 3),  # there are fewer runs
        (0, 1, 16, None, 1),
        (56, 1, 16, 4 * ROOM, 4),  # there is less memory
        (56, 1, 16, ROOM // 2, 1),
        (2, 2, 16, None, 4),  # two devices share a run
        (2, 4, 2, None, 4),
    ],
)
def test_devices_are_as_many_as_have_work_and_room(at_once, data_parallel, cores, free, devices):
    assert devices_for(at_once, data_parallel, cores, free) == devices


@dataclass(frozen=True)
class Stray(Experiment):
    """Measures the state of a run that it does not train."""

    def runs(self):
        return [self.base]

    def measurements(self):
        return [Replay(replace(self.base, factor=2.0), 1, 1)]


def test_what_is_measured_is_of_the_experiments_own_runs(tmp_path):
    options = RunOptions(preset="smoke", results=tmp_path)
    with pytest.raises(InvalidInput, match="measures states of 1 runs that are not among"):
        run_all({"stray": Stray(replace(SMOKE, subset_size=256))}, options, Job("stray", ()))
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    """More images than the preset keeps, in a file that only its path finds."""
    rng = np.random.default_rng(0)
    found = tmp_path_factory.mktemp("data") / "mine.npz"
    train, test = (rng.integers(0, 256, (number, 8, 8, 3), np.uint8) for number in SIZES.values())
    labels = [np.arange(number) % 10 for number in SIZES.values()]
    np.savez(found, x_train=train, y_train=labels[0], x_test=test, y_test=labels[1])
    return found


@pytest.fixture(scope="module")
def drawn(tmp_path_factory, file) -> Store:
    """The forgetting experiment's records of three seeds."""
    results = tmp_path_factory.mktemp("drawn") / "r"
    done = command(results, "experiments.forgetting", f"{DRAWN} --seeds 3 --data {file}")
    assert done.returncode == 0, done.stderr
    assert "12 runs trained, 0 diverged, 0 found done, 6 measurements" in done.stdout
    return Store(results)


class TestDrawn:
    """Each seed has images of its own."""

    def test_every_record_is_on_the_images_of_its_seed(self, drawn):
        about = drawn.read_experiment("mine", "forgetting")
        assert about["images"] == "drawn"
        assert about["images_there_are"] == SIZES
        runs = [drawn.about(name)["config"] for name in about["runs"]]
        runs += [drawn.about(name)["config"]["run"] for name in about["measurements"]]
        assert len(runs) == 18
        assert all(run["data"]["subset_seed"] == run["seed"] for run in runs)

    def test_a_run_is_the_one_that_names_its_images(self, drawn, file, tmp_path):
        words = "--preset smoke --seeds-from 2 --seeds 1 --base.data.subset-seed 2 --label mine"
        done = command(tmp_path / "r", "experiments.forgetting", f"{words} --data {file}")
        assert done.returncode == 0, done.stderr
        other = Store(tmp_path / "r")
        for name in other.read_experiment("mine", "forgetting")["runs"]:
            one, two = (
                store.read(restored(RunConfig, store.about(name)["config"])) for store in (drawn, other)
            )
            assert one[1].equals(two[1])

    def test_what_is_done_is_found(self, drawn, file):
        done = command(drawn.folder, "experiments.forgetting", f"{DRAWN} --seeds 3 --data {file}")
        assert "0 runs trained, 0 diverged, 12 found done, 0 measurements" in done.stdout

    def test_a_choice_of_images_for_all_is_refused(self, tmp_path):
        words = f"{DRAWN} --base.data.subset-seed 4"
        done = command(tmp_path / "r", "experiments.forgetting", words)
        assert done.returncode == 2
        said = "must be 0 where images are drawn: each seed has its own"
        assert done.stderr == f"error: base.data.subset_seed is 4: {said}\n"
