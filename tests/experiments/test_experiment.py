import pytest

from experiments import discover, group_of, groups
from experiments._data import ARTICLE_IMAGES
from experiments._experiment import Experiment
from research.measures.groups import GroupLosses
from research.measures.replay import Replay


def test_every_experiment_is_found_with_its_presets():
    found = discover()
    assert {"train", "lr_sweep", "forgetting"} <= set(found)
    for presets in found.values():
        assert set(presets) - {"desk"} == {"smoke", "quick", "paper"}
        assert all(isinstance(experiment, Experiment) for experiment in presets.values())


def test_every_experiment_has_its_group():
    assert groups() == ["article", "batch", "limit", "measures"]
    of = {
        "article": ("train", "lr_sweep", "forgetting"),
        "batch": ("small_batches",),
        "limit": ("batch_ladder", "annealing"),
        "measures": ("noise", "edge", "budget"),
    }
    for group, names in of.items():
        assert {group_of(name) for name in names} == {group}


@pytest.mark.parametrize("name", sorted(discover()))
def test_presets_leave_a_tenth_unseen_where_memory_is_measured_against_it(name):
    for preset, experiment in discover()[name].items():
        for item in experiment.measurements():
            if isinstance(item, Replay | GroupLosses):
                train = item.run.data.train_size or ARTICLE_IMAGES
                subset = item.run.subset_size or train
                assert train - subset >= train / 10, (preset, subset, train)
                assert "never_seen" in item.run.order.groups(subset, train), preset
