"""What other people's dashboards read back."""

import importlib.util
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from experiments import _export
from experiments._export import to_tensorboard, to_wandb
from research.errors import InvalidInput
from research.records.identity import identity
from research.records.store import Row
from tests.research.records.test_store import FINISHED, Config

ROOT = Path(__file__).parents[2]
ROWS = [
    Row(4, 1.0, "test", "loss", 0.5),
    Row(8, 2.0, "test", "loss", float("nan")),
    Row(4, 1.0, "seen", "accuracy", 0.25),
    Row(4, 1.0, "seen", "order_checksum", 7.0),
]


@pytest.fixture
def record(store) -> str:
    store.write(Config(), ROWS, FINISHED, {})
    return identity(Config())


def test_tensorboard_reads_every_curve_at_its_steps(store, record, tmp_path):
    assert to_tensorboard(store, [record], tmp_path / "events") == 1
    events = EventAccumulator(str(tmp_path / "events" / record))
    events.Reload()
    assert events.Tags()["scalars"] == ["test/loss", "seen/accuracy"]
    losses = events.Scalars("test/loss")
    assert [(event.step, event.value) for event in losses[:1]] == [(4, 0.5)]
    assert losses[1].step == 8
    assert math.isnan(losses[1].value)
    (accuracy,) = events.Scalars("seen/accuracy")
    assert (accuracy.step, accuracy.value) == (4, 0.25)


def test_a_record_is_written_once(store, record, tmp_path):
    to_tensorboard(store, [record], tmp_path)
    assert to_tensorboard(store, [record], tmp_path) == 0


@pytest.mark.parametrize("left", [".tmp-{name}", None])
def test_an_export_that_was_killed_half_way_gives_no_point_twice(store, record, tmp_path, left):
    first, again = tmp_path / "first", tmp_path / "again"
    to_tensorboard(store, [record], first)
    code = f"from research.records.disk import partial_name; print(partial_name({record!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    killed = again / (left.format(name=record) if left else done.stdout.strip())
    shutil.copytree(first / record, killed)
    to_tensorboard(store, [record], again)
    assert len(list((again / record).iterdir())) == 1
    assert left or not killed.exists()


def test_two_processes_may_export_the_same(store, record, tmp_path, monkeypatch):
    before = _export.partial_name

    def overtaken(name):
        monkeypatch.setattr(_export, "partial_name", before)
        to_tensorboard(store, [record], tmp_path / "events")
        return before(name)

    monkeypatch.setattr(_export, "partial_name", overtaken)
    to_tensorboard(store, [record], tmp_path / "events")
    assert [path.name for path in (tmp_path / "events").iterdir()] == [record]
    assert len(list((tmp_path / "events" / record).iterdir())) == 1


def test_without_wandb_it_is_one_line(store, record, monkeypatch):
    monkeypatch.setattr(_export.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InvalidInput, match="wandb is True: is not installed; pip install wandb"):
        to_wandb(store, [record], "project")


@pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="wandb is not installed")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_wandb_offline_keeps_each_run_on_this_machine(store, record, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    assert to_wandb(store, [record], "project") == 1
    (file,) = tmp_path.glob(f"wandb/offline-run-*-{record}/run-{record}.wandb")
    assert b"test/loss" in file.read_bytes()
