import pytest

from experiments import discover, group_of, groups
from experiments._experiment import Experiment
from research.errors import InvalidInput


def test_every_experiment_is_found_with_all_three_presets():
    found = discover()
    assert {"train", "lr_sweep", "forgetting"} <= set(found)
    for presets in found.values():
        assert set(presets) == {"smoke", "quick", "paper"}
        assert all(isinstance(experiment, Experiment) for experiment in presets.values())


def test_the_batch_size_studies_are_a_group_of_their_own():
    assert groups() == ["batch", "paper"]
    assert groups() == ["article", "batch", "measures"]
    of = {"article": ("train", "lr_sweep", "budget"), "batch": ("lenet",), "measures": ("noise", "edge")}
    for group, names in of.items():
        assert {group_of(name) for name in names} == {group}


def test_seeds_count_from_the_bases():
    assert list(Experiment(seeds=3).seed_range()) == [0, 1, 2]


def test_no_seed_is_refused():
    with pytest.raises(InvalidInput, match="seeds is 0"):
        Experiment(seeds=0)
