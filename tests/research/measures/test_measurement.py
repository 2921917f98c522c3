import json
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from typing import ClassVar

import pandas as pd

from research.measures.measurement import bind_measurement, states_to_keep
from research.measures.replay import Replay
from research.records.identity import identity
from research.records.store import Row, frame
from research.sweeps.measure import measure_missing
from research.sweeps.sweep import sweep
from research.training.config import RunConfig, bind


@dataclass(frozen=True)
class Steps:
    """The smallest measurement: how many steps its run took."""

    run: RunConfig

    def epochs(self):
        return ()

    def measure(self, dataset, store):
        del store
        return [Row(0, 0.0, "train", "steps", self.run.total_steps(dataset.train_size))]


def test_a_new_measurement_needs_nothing_but_its_class(dataset, run, store):
    sweep([run], dataset, store)
    seen = []
    assert measure_missing([Steps(run)], dataset, store, seen.append).taken == 1
    assert seen == [Steps(run)]
    table = store.table([Steps(run)])
    assert table["value"].tolist() == [8]
    assert table["run.batch_size"].tolist() == [32]


def test_what_a_killed_process_left_of_measurements_is_cleared_away(dataset, run, store):
    sweep([run], dataset, store)
    measure_missing([Steps(run)], dataset, store)
    code = "from research.records import process_ids; print(process_ids.tag())"
    tag = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    lease = store.folder / "leases" / f"{identity(Steps(bind(run, dataset)))}.0"
    lease.write_text(json.dumps({"tag": tag}))
    half = store.folder / "records" / f".tmp-0123456789abcdef-{tag}-0"
    half.mkdir()
    assert measure_missing([Steps(run)], dataset, store).taken == 0
    assert not lease.exists()
    assert not half.exists()


_under_way = []
_most = {"alone": 0, "beside": 0}


@dataclass(frozen=True)
class Watched:
    """Says how many are being measured while it is."""

    run: RunConfig
    number: int

    def epochs(self):
        return ()

    def measure(self, dataset, store):
        del dataset, store
        _under_way.append(self)
        time.sleep(0.05)
        kind = "alone" if getattr(self, "alone", False) else "beside"
        _most[kind] = max(_most[kind], len(_under_way))
        time.sleep(0.05)
        _under_way.remove(self)
        return [Row(0, 0.0, "train", "number", self.number)]


@dataclass(frozen=True)
class WatchedAlone(Watched):
    alone: ClassVar[bool] = True


def test_measurements_are_taken_side_by_side_but_for_those_that_want_to_be_alone(dataset, run, store):
    sweep([run], dataset, store)
    wanted = [kind(run, number) for number in range(6) for kind in (Watched, WatchedAlone)]
    assert measure_missing([*wanted, *wanted], dataset, store).taken == 12
    assert sorted(store.table(wanted)["value"]) == sorted(2 * [0, 1, 2, 3, 4, 5])
    assert _most["alone"] == 1
    assert _most["beside"] > 1


def test_each_is_what_it_is_by_itself(dataset, run, store):
    sweep([run], dataset, store, keep={run: [1, 2]})
    wanted = [Replay(run, epoch, 1, statistics) for epoch in (1, 2) for statistics in ("running", "batch")]
    assert measure_missing(wanted, dataset, store).taken == 4
    for item in wanted:
        alone = frame(bind_measurement(item, dataset).measure(dataset, store))
        pd.testing.assert_frame_equal(store.read(bind_measurement(item, dataset))[1], alone)


def test_binding_names_the_data_of_the_run(dataset, run):
    assert bind_measurement(Steps(replace(run, subset_size=None)), dataset).run.subset_size == 256


def test_the_states_that_measurements_need_are_gathered(run):
    first, second = Replay(run, 2, 1), Replay(replace(run, seed=1), 2, 1)
    assert states_to_keep([first, second, Replay(run, 1, 1), Steps(run)]) == {
        run: {1, 2},
        replace(run, seed=1): {2},
    }
