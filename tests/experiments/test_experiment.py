from experiments import discover, group_of, groups
from experiments._experiment import Experiment


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
