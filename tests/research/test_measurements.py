from dataclasses import dataclass, replace

from research.config import RunConfig
from research.forgetting import Replay
from research.measurements import bind_measurement, measure_missing, states_to_keep
from research.records import Row
from research.sweeps import sweep


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


def test_binding_names_the_data_of_the_run(dataset, run):
    assert bind_measurement(Steps(replace(run, subset_size=None)), dataset).run.subset_size == 256


def test_the_states_that_measurements_need_are_gathered(run):
    first, second = Replay(run, 2, 1), Replay(replace(run, seed=1), 2, 1)
    assert states_to_keep([first, second, Replay(run, 1, 1), Steps(run)]) == {
        run: {1, 2},
        replace(run, seed=1): {2},
    }
