import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jax
import pytest

from experiments._data import Fitted
from experiments._dry_run import Plan, forecast
from experiments._experiment import Experiment
from research.data import read
from research.measures.measurement import states_to_keep
from research.measures.replay import Replay
from research.records.identity import identity
from research.records.provenance import processor

ROOT = Path(__file__).parents[2]
HERE = {"processor": processor(), "device": f"2 x {jax.devices()[0].device_kind}"}


@pytest.fixture
def plan(dataset, run):
    """Four runs of one program, two of another; one run of each is replayed."""
    runs = [replace(run, seed=seed) for seed in range(4)]
    runs += [replace(run, seed=seed, batch_size=16) for seed in range(2)]
    items = [Replay(each, each.epochs, 1) for each in (runs[0], runs[4])]
    arrays = read(replace(dataset.config, fingerprint=""))
    return Plan("mine", "smoke", Fitted(Experiment(), dataset, arrays, []), runs, items)


def record(store, config, seconds, provenance=HERE, states=()):
    outcome = {"status": "finished", "epochs": 2, "seconds": seconds}
    store.write(config, [], outcome, provenance, dict.fromkeys(states, Path.mkdir))


def said(store, *plans):
    keep = states_to_keep([item for plan in plans for item in plan.measurements])
    return list(forecast(plans, keep, store))


def test_without_records_no_time_is_named(store, plan):
    (line,) = said(store, plan)
    counts = "mine: 6 runs, 0 done; 2 measurements, 0 done; "
    assert line == counts + "how long the rest takes here is not known: no record here tells"


def test_time_follows_from_records_of_the_same_program_on_this_machine(store, plan):
    places = len(jax.devices())
    record(store, plan.runs[0], 100.0 * places, states=(2,))
    (line,) = said(store, plan)
    time = "3 of the rest take about 0:05:00 here" if places == 1 else r"\d+:\d\d:\d\d"
    assert re.search(rf"6 runs, 1 done; 2 measurements, 0 done; .*{time}", line)
    assert "3 of the rest take" in line  # the other program's runs and both replays have no record
    # On another machine it would have taken another time.
    for elsewhere in (HERE | {"processor": "1 x abacus"}, HERE | {"device": "1 x abacus"}):
        other = replace(plan.runs[0], seed=9, batch_size=16)
        record(store, other, 7200.0, elsewhere)
        assert "3 of the rest take" in said(store, plan)[0]
        store.set_aside(other)
    record(store, replace(plan.runs[0], seed=9, batch_size=16), 10.0)
    assert "5 of the rest take" in said(store, plan)[0]


def test_what_is_done_is_done(store, plan):
    for each in plan.runs:
        record(store, each, 1.0, states=(2,))
    for item in plan.measurements:
        record(store, item, 1.0)
    assert said(store, plan) == ["mine: 6 runs, 6 done; 2 measurements, 2 done; nothing is left"]
    (store.folder / "records" / identity(plan.runs[1]) / "record.json").write_text("{")  # damaged
    assert "6 runs, 5 done" in said(store, plan)[0]


def test_a_run_that_two_need_is_counted_once_in_all(store, plan):
    first, second, total = said(store, plan, replace(plan, name="other", measurements=()))
    assert "6 runs, 0 done" in first
    assert "6 runs, 0 done; 0 measurements" in second
    assert total.startswith("in all: 6 runs, 0 done; 2 measurements, 0 done; ")


@pytest.mark.parametrize(
    "words", [["experiments.forgetting"], ["experiments.all", "--only", "forgetting", "train"]]
)
def test_nothing_is_written(tmp_path, words):
    options = ["--preset", "smoke", "--dry-run", "--tensorboard", str(tmp_path / "t")]
    command = [sys.executable, "-m", *words, *options, "--results", str(tmp_path / "r")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("forgetting: 8 runs, 0 done; 4 measurements, 0 done; ")
    assert done.stderr == ""
    assert not list(tmp_path.iterdir())
