import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest

from research.errors import InvalidInput
from research.records import checkpoints, process_ids
from research.records import store as records_store
from research.records.identity import identity
from research.records.store import Store
from research.sweeps import sweep as sweeps
from research.sweeps.leases import Leases
from research.sweeps.sweep import RunUpdate, missing, sweep
from research.training.context import Setting
from research.training.epoch import CompiledEpoch
from research.training.sharding import make_mesh

ROOT = Path(__file__).parents[3]


def grid(run):
    return [replace(run, factor=f, subset_size=n) for n in (64, 128) for f in (1.0, 1e20, 2.0)]


def test_every_run_is_recorded_and_divergence_is_an_outcome(dataset, run, store):
    events: list[RunUpdate] = []
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
    like = Setting.of(run, dataset).abstract_state()
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


def assert_equal_records(runs, one: Store, other: Store):
    for run in runs:
        pd.testing.assert_frame_equal(one.read(run)[1], other.read(run)[1], check_exact=True)


def stopping_after(events: int):
    """A `stop` and the `watch` that makes it say so once that many epochs have passed."""
    seen = []
    return (lambda: len(seen) >= events), seen.append


@pytest.mark.parametrize("keep", [{}, {1: (1, 3)}], ids=["plain", "with states kept"])
def test_an_interrupted_run_goes_on_from_its_checkpoint_to_the_same_record(
    dataset, run, store, tmp_path, keep
):
    runs = [replace(run, epochs=4, seed=seed) for seed in range(2)]
    keep = {runs[seed]: epochs for seed, epochs in keep.items()}
    whole = Store(tmp_path / "whole")
    sweep(runs, dataset, whole, keep=keep)
    stop, watch = stopping_after(4)
    summary = sweep(runs, dataset, store, keep=keep, checkpoint_every=3, watch=watch, stop=stop)
    assert (summary.finished, summary.left) == (0, 2)
    interrupted = checkpoints.ResumeStore(store.folder)
    assert [interrupted.epochs(identity(run)) for run in runs] == [2, 2]
    events: list[RunUpdate] = []
    assert sweep(runs, dataset, store, keep=keep, watch=events.append).finished == 2
    assert min(event.epochs for event in events) == 3
    assert_equal_records(runs, store, whole)
    assert store.read(runs[0])[0]["outcome"]["resumed"] == [2]
    like = Setting.of(run, dataset).abstract_state()
    for kept, epochs in keep.items():
        for epoch in epochs:
            one, other = (checkpoints.load(s.checkpoint_path(kept, epoch), like) for s in (store, whole))
            jax.tree.map(np.testing.assert_array_equal, one, other)
    assert not list((store.folder / "unfinished").iterdir())
    assert not list((store.folder / "leases").iterdir())


@pytest.fixture
def two_gpus(monkeypatch):
    """Two of these host devices, taken for GPUs."""
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(sweeps, "make_mesh", partial(make_mesh, devices=jax.devices()[:2]))


def test_runs_that_share_a_device_are_recorded_as_by_themselves(dataset, run, store, tmp_path, two_gpus):
    """Seven runs in twice two places, two of which diverge; stopped, and gone on from checkpoints."""
    runs = [*grid(run), replace(run, seed=3)]
    keep = {runs[0]: (1,), runs[-1]: (1, 2)}
    alone = Store(tmp_path / "alone")
    sweep(runs, dataset, alone, keep=keep)
    stop, watch = stopping_after(3)
    sweep(runs, dataset, store, keep=keep, checkpoint_every=1, watch=watch, stop=stop, runs_per_device=2)
    assert list((store.folder / "unfinished").iterdir())
    sweep(runs, dataset, store, keep=keep, checkpoint_every=1, runs_per_device=2)
    like = Setting.of(run, dataset).abstract_state()
    for each in runs:
        (about, one), (other_about, other) = store.read(each), alone.read(each)
        assert about["outcome"]["status"] == other_about["outcome"]["status"]
        if about["outcome"]["status"] == "finished":
            assert list(one["metric"]) == list(other["metric"])
            exact = one["metric"] == "order_checksum"
            np.testing.assert_array_equal(one["value"][exact], other["value"][exact])
            np.testing.assert_allclose(one["value"], other["value"], rtol=1e-3)
        for epoch in keep.get(each, ()):
            kept = (checkpoints.load(s.checkpoint_path(each, epoch), like).params for s in (store, alone))
            jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-4), *kept)


@pytest.mark.parametrize("others", [{}, {"data_parallel": 2}], ids=["on a CPU", "with a batch that is split"])
def test_runs_share_no_device_where_that_is_not_faster(dataset, run, store, others, request):
    if others:
        request.getfixturevalue("two_gpus")
    with pytest.raises(InvalidInput, match="runs_per_device is 2: must be 1"):
        sweep([run], dataset, store, runs_per_device=2, **others)
    assert not store.folder.exists()


@pytest.mark.parametrize("change", ["cut off", "emptied", "a bit"])
def test_a_damaged_checkpoint_of_an_unfinished_run_is_set_aside_and_the_run_repeated(
    dataset, run, store, tmp_path, change
):
    stop, watch = stopping_after(1)
    sweep([run], dataset, store, checkpoint_every=1, watch=watch, stop=stop)
    files = (store.folder / "unfinished" / identity(run) / "epoch-0001").rglob("*")
    largest = max((path for path in files if path.is_file()), key=lambda path: path.stat().st_size)
    damage(largest, change)
    warnings: list[str] = []
    assert sweep([run], dataset, store, warn=warnings.append).finished == 1
    assert len(warnings) == 1
    assert identity(run) in warnings[0]
    assert list((store.folder / "damaged").iterdir()) == [
        store.folder / "damaged" / f"{identity(run)}-epoch-0001.1"
    ]
    whole = Store(tmp_path / "whole")
    sweep([run], dataset, whole)
    assert_equal_records([run], store, whole)


def damage(path: Path, change: str) -> None:
    content = path.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    path.write_bytes({"cut off": content[:middle], "emptied": b"", "a bit": flipped}[change])


@pytest.mark.parametrize("file", ["metrics.parquet", "record.json", "checkpoints/0002/checksums.json"])
def test_a_damaged_record_is_set_aside_and_its_run_alone_repeated(dataset, run, store, file):
    runs = [run, replace(run, seed=1)]
    sweep(runs, dataset, store, keep={run: (2,)})
    before = store.read(run)[1]
    damage(store.folder / "records" / identity(run) / file, "a bit")
    warnings: list[str] = []
    summary = sweep(runs, dataset, store, keep={run: (2,)}, warn=warnings.append)
    assert (summary.finished, summary.found) == (1, 1)
    assert len(warnings) == 1
    assert f"record {identity(run)} is damaged" in warnings[0]
    assert (store.folder / "damaged" / f"{identity(run)}.1" / file).exists()
    pd.testing.assert_frame_equal(store.read(run)[1], before, check_exact=True)


def test_two_sweeps_at_once_share_the_runs(dataset, run, store):
    runs = [replace(run, seed=seed) for seed in range(12)]
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(sweep, runs, dataset, store) for _ in range(2)]
        summaries = [each.result() for each in both]
    assert sum(summary.finished for summary in summaries) == 12
    assert all(summary.finished + summary.elsewhere + summary.found == 12 for summary in summaries)
    assert len(list((store.folder / "records").iterdir())) == 12
    assert not list((store.folder / "leases").iterdir())


def test_a_run_that_a_dead_process_leased_is_taken_over(dataset, run, store):
    leases = store.folder / "leases"
    leases.mkdir(parents=True)
    (leases / f"{identity(run)}.0").write_text('{"tag": "ffffffff.1.1"}')
    assert sweep([run], dataset, store, leases=Leases(leases, beat=0.1, stale=0.5)).finished == 1


def dead() -> str:
    """The tag of a process that has ended."""
    code = "from research.records import process_ids; print(process_ids.tag())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def left_after_its_record(run, dataset, store, tag: str, age: float = 0) -> set[Path]:
    """What a process leaves that is killed when it has renamed a record, and before it does anything else."""
    stop, watch = stopping_after(1)
    sweep([run], dataset, store, checkpoint_every=1, watch=watch, stop=stop)
    unfinished = store.folder / "unfinished" / identity(run)
    before = unfinished.rename(store.folder / "before")
    sweep([run], dataset, store)
    before.rename(unfinished)
    lease = store.folder / "leases" / f"{identity(run)}.0"
    lease.write_text(json.dumps({"tag": tag}))
    os.utime(lease, (time.time() - age, time.time() - age))
    half = store.folder / "records" / f".tmp-{identity(run)}-{tag}-0"
    half.mkdir()
    return {unfinished, lease, half}


@pytest.mark.parametrize("age", [0, 100_000], ids=["here", "elsewhere, long ago"])
def test_what_a_dead_process_left_of_a_run_that_is_done_is_cleared_away(dataset, run, store, age):
    left = left_after_its_record(run, dataset, store, "ffffffff.1.1" if age else dead(), age)
    written = store.written(identity(run))
    for path in store.folder.glob("records/.tmp-*"):
        os.utime(path, (time.time() - age, time.time() - age))
    # By a sweep for other runs too.
    assert sweep([replace(run, seed=1)], dataset, store).finished == 1
    assert not [path for path in left if path.exists()]
    assert store.written(identity(run)) == written
    assert sweep([run], dataset, store).found == 1


@pytest.mark.parametrize("tag", [process_ids.tag(), "ffffffff.1.1"], ids=["here", "elsewhere"])
def test_what_a_live_process_has_of_a_run_that_is_done_is_left_to_it(dataset, run, store, tag):
    left = left_after_its_record(run, dataset, store, tag)
    assert sweep([run], dataset, store).found == 1
    assert all(path.exists() for path in left)


def test_a_state_on_the_way_to_others_that_a_record_lacks_is_not_cleared_away(dataset, run, store):
    run = replace(run, epochs=4)
    sweep([run], dataset, store)
    stop, watch = stopping_after(2)
    sweep([run], dataset, store, keep={run: (3,)}, checkpoint_every=1, watch=watch, stop=stop)
    (store.folder / "leases" / f"{identity(run)}.0").write_text(json.dumps({"tag": dead()}))
    assert sweep([run], dataset, store).found == 1  # one that needs no states
    assert not list((store.folder / "leases").iterdir())
    events: list[RunUpdate] = []
    sweep([run], dataset, store, keep={run: (3,)}, watch=events.append)
    assert [event.epochs for event in events] == [3, 4]


def test_of_a_run_recorded_during_a_sweep_by_a_process_then_killed_nothing_is_left(dataset, run, store):
    later = replace(run, batch_size=16)  # of another program: it is leased when the first has ended
    left: set[Path] = set()

    def watch(_: RunUpdate) -> None:
        if not left:
            left.update(left_after_its_record(later, dataset, store, dead()))

    assert sweep([run, later], dataset, store, watch=watch).elsewhere == 1
    assert not list((store.folder / "leases").iterdir())
    assert not list((store.folder / "unfinished").iterdir())


def test_a_run_that_is_out_of_memory_is_recorded_and_the_others_go_on(dataset, run, store, monkeypatch):
    """XLA's error, raised where the program is called, whenever one of the runs is in a place."""
    runs = [replace(run, seed=seed) for seed in range(10)]
    exhausted, one_epoch = replace(run, seed=3), sweeps._one_epoch

    def failing(program, places, *rest):
        if any(place is not None and place.run == exhausted for place in places):
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.")
        return one_epoch(program, places, *rest)

    monkeypatch.setattr(sweeps, "_one_epoch", failing)
    events: list[RunUpdate] = []
    summary = sweep(runs, dataset, store, watch=events.append)
    assert (summary.finished, summary.out_of_memory) == (9, 1)
    assert [event.run for event in events if event.status == "out_of_memory"] == [exhausted]
    about, rows = store.read(exhausted)
    assert about["outcome"]["status"] == "out_of_memory"
    assert len(rows) == 0
    assert missing(runs, store) == []
    monkeypatch.undo()
    monkeypatch.setattr(sweeps, "memory_of", lambda _: "a larger device")
    assert missing(runs, store) == [exhausted]
    assert sweep(runs, dataset, store).finished == 1
    assert store.read(exhausted)[0]["outcome"]["status"] == "finished"


def test_a_network_for_which_there_is_no_memory_is_an_outcome_too(dataset, run, store):
    huge = replace(run, model=replace(run.model, width=1_000_000))
    summary = sweep([huge, run], dataset, store)
    assert (summary.finished, summary.out_of_memory) == (1, 1)


def test_on_a_full_disk_earlier_runs_stay_and_the_sweep_goes_on_later(dataset, run, store, monkeypatch):
    runs = [replace(run, seed=seed) for seed in range(10)]
    flushed, count = records_store.write, []

    def failing(path, content):
        count.append(path)
        if len(count) > 8:
            raise OSError(28, "No space left on device")
        flushed(path, content)

    monkeypatch.setattr(records_store, "write", failing)
    with pytest.raises(InvalidInput, match="no space is left there"):
        sweep(runs, dataset, store)
    monkeypatch.undo()
    assert len(list((store.folder / "records").iterdir())) == 4
    summary = sweep(runs, dataset, store)
    assert (summary.found, summary.finished) == (4, 6)


def test_a_sweep_killed_half_way_goes_on_to_equal_records(tmp_path):
    """SIGKILL once some runs are recorded, then the same command: the records are an untouched sweep's."""

    def command(results):
        words = "-m experiments.lr_sweep --preset smoke --base.epochs 6 --factors 1 2 4 8 --batch-sizes 16"
        words += " --checkpoint-every 2"
        return [sys.executable, *words.split(), "--results", str(results)]

    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    alone = environment | {"JAX_ENABLE_COMPILATION_CACHE": "false"}  # half a program is of no use to others
    process = subprocess.Popen(command(killed), cwd=ROOT, env=alone, stdout=subprocess.DEVNULL)
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


def test_the_next_program_is_compiled_while_the_first_trains_and_none_twice(dataset, run, store, monkeypatch):
    traced, epochs = [], []
    before = CompiledEpoch._epoch

    def counted(self, *arguments):
        traced.append((self.setting.config.batch_size, threading.current_thread() is threading.main_thread()))
        return before(self, *arguments)

    monkeypatch.setattr(CompiledEpoch, "_epoch", counted)
    # Batch sizes that no other test has: what was compiled before would not be again.
    runs = [replace(run, batch_size=size, epochs=2) for size in (20, 24, 28)]
    result = sweep(runs, dataset, store, watch=epochs.append)
    assert result.finished + result.diverged == 3
    assert sorted(traced) == [(20, False), (24, False), (28, False)]
