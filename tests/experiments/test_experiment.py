from dataclasses import replace

import pytest

from experiments import discover, group_of, groups
from experiments._data import ARTICLE_IMAGES
from experiments._experiment import Experiment
from research.family import with_value
from research.measures.groups import GroupLosses
from research.measures.replay import Replay
from research.models.mlp import MLP
from research.optimizers.muon import Muon
from research.training.schedules import Policy

OTHER = {
    "augmentation": (),
    "batch_size": 8,
    "epochs": 5,
    "factor": 3.0,
    "model": MLP(),
    "optimizer": Muon(),
    "schedule": Policy("fixed", 0.3),
    "schedule.knots": (0, 1, 2, 3),
}


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


@pytest.mark.parametrize("name", [name for name, presets in discover().items() if presets["smoke"].partly])
def test_a_field_that_is_partly_the_bases_changes_some_runs_and_not_others(name):
    experiment = discover()[name]["smoke"]
    for field in experiment.partly:
        changed = replace(experiment, base=with_value(experiment.base, field, OTHER[field]))
        same = [one == other for one, other in zip(experiment.runs(), changed.runs(), strict=True)]
        assert any(same), field
        assert not all(same), field
