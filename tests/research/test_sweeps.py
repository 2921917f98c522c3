import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import jax
import pandas as pd
import pytest

from research import checkpoints
from research.errors import InvalidInput
from research.records import Store
from research.sweeps import Event, missing, sweep
from research.training import Network

ROOT = Path(__file__).parents[2]


def grid(run):
    return [replace(run, factor=f, subset_size=n) for n in (64, 128) for f in (1.0, 1e20, 2.0)]


def test_every_run_is_recorded_and_divergence_is_an_outcome(dataset, run, store):
    events: list[Event] = []
    summary = sweep(grid(run), dataset, store, watch=events.append)
    assert (summary.finished, summary.diverged, summary.found) == (4, 2, 0)
    assert 0 <= summary.idle < 1
    assert sorted(e.status for e in events if e.status != "training") == ["diverged"] * 2 + ["finished"] * 4
    table = store.table(grid(run))
    finished = table[table["status"] == "finished"]
    assert set(finished["factor"]) == {1, 2}
    every_epoch = {
        *((split, metric) for split in ("seen", "test") for metric in ("loss", "accuracy")),
        ("seen", "learning_rate"),
        ("seen", "order_checksum"),
    }
    at_the_end = {("train", "loss"), ("train", "accuracy")}
    for _, record in finished.groupby("record"):
        for epoch, kinds in ((1, every_epoch), (2, every_epoch | at_the_end)):
            rows = record[record["epoch"] == epoch]
            assert sorted(zip(rows["split"], rows["metric"], strict=True)) == sorted(kinds)
    for diverged in (r for r in grid(run) if r.factor > 100):
        assert store.read(diverged)[0]["outcome"]["diverged_step"] in range(1, 8)


def test_the_second_time_there_is_nothing_to_do(dataset, run, store):
    sweep(grid(run), dataset, store)
    before = {p: p.stat().st_mtime_ns for p in store.folder.rglob("*")}
    summary = sweep(grid(run), dataset, store, watch=lambda _: pytest.fail("trained something"))
    assert (summary.finished, summary.diverged, summary.found) == (0, 0, 6)
    assert {p: p.stat().st_mtime_ns for p in store.folder.rglob("*")} == before


def test_a_run_wanted_twice_is_trained_once(dataset, run, store):
    assert sweep([run, run, replace(run)], dataset, store).finished == 1


def test_a_state_wanted_later_is_added(dataset, run, store):
    sweep([run], dataset, store)
    assert missing([run], store, {run: (1, 2)}) == [run]
    record = store.read(run)
    sweep([run], dataset, store, keep={run: (1, 2)})
    assert store.has(run, (1, 2))
    pd.testing.assert_frame_equal(store.read(run)[1], record[1])


def test_the_states_kept_are_those_after_the_epochs_named(dataset, run, store):
    sweep([replace(run, seed=1), run], dataset, store, keep={run: (1, 2)})
    like = Network(run, dataset.image_shape, dataset.classes, split_batch=False).initial_state(0)
    for epoch in (1, 2):
        assert checkpoints.load(store.checkpoint_path(run, epoch), like).step == 4 * epoch
    assert not store.checkpoint_path(replace(run, seed=1), 1).exists()


def test_a_diverged_run_owes_no_states_after_its_end(dataset, run, store):
    diverging = replace(run, factor=1e20)
    sweep([diverging], dataset, store, keep={diverging: (2,)})
    assert missing([diverging], store, {diverging: (2,)}) == []


def test_alone_or_among_others_on_one_device_or_eight_records_are_equal(dataset, run, store, tmp_path):
    alone = Store(tmp_path / "alone")
    for each in grid(run):
        sweep([each], dataset, alone)
    sweep(grid(run), dataset, store)
    for each in grid(run):
        pd.testing.assert_frame_equal(alone.read(each)[1], store.read(each)[1], check_exact=True)


def test_a_run_the_data_does_not_allow_stops_the_sweep_before_it_starts(dataset, run, store):
    with pytest.raises(InvalidInput, match="subset_size is 1000"):
        sweep([run, replace(run, subset_size=1000)], dataset, store)
    assert not store.folder.exists()


def test_more_devices_for_a_run_than_there_are_is_refused(dataset, run, store):
    with pytest.raises(InvalidInput, match="data_parallel"):
        sweep([run], dataset, store, data_parallel=len(jax.devices()) + 1)
    assert not store.folder.exists()


def test_a_sweep_killed_half_way_goes_on_to_equal_records(tmp_path):
    """SIGKILL once some runs are recorded, then the same command: the records are an untouched sweep's."""

    def command(results):
        words = "-m experiments.lr_sweep --preset smoke --base.epochs 6 --factors 1 2 4 8 --batch-sizes 16"
        return [sys.executable, *words.split(), "--results", str(results)]

    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.Popen(command(killed), cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(finished := list(killed.glob("records/[!.]*/record.json"))) < 3:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = {path.parent.name for path in killed.glob("records/[!.]*/record.json")}
    assert 3 <= len(finished) < 16
    kept = {name: (killed / "records" / name / "record.json").stat().st_mtime_ns for name in finished}
    for results in (killed, whole):
        subprocess.run(command(results), cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    names = {path.parent.name for path in whole.glob("records/*/record.json")}
    assert len(names) == 16
    # What the kill left half-written keeps a name that no reader takes for a record's.
    there = {path.parent.name for path in killed.glob("records/[!.]*/record.json")}
    assert names == there
    for name in names:
        pd.testing.assert_frame_equal(
            Store(killed).read(name)[1], Store(whole).read(name)[1], check_exact=True
        )
    for name, written in kept.items():
        assert (killed / "records" / name / "record.json").stat().st_mtime_ns == written
