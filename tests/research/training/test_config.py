from dataclasses import fields, replace

import pytest

from research.errors import InvalidInput
from research.records.identity import identity
from research.training.config import RunConfig, bind


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subset_size", 0),
        ("batch_size", 0),
        ("crop_padding", -1),
        ("factor", 0.0),
        ("factor", -2.0),
        ("factor", float("nan")),
        ("factor", float("inf")),
        ("epochs", 0),
        ("momentum", 1.0),
        ("momentum", -0.1),
        ("weight_decay", -1e-4),
        ("weight_decay", float("nan")),
        ("seed", -1),
        ("warm_up", -1.0),
        ("accumulate", 0),
        ("grow_at", (3, 2)),
        ("grow_at", (0,)),
        ("grow_by", 1),
    ],
)
def test_values_that_make_no_run_are_refused(field, value):
    with pytest.raises(InvalidInput, match=field):
        replace(RunConfig(), **{field: value})


def test_a_batch_larger_than_the_subset_is_refused():
    with pytest.raises(InvalidInput, match="batch_size is 128"):
        RunConfig(subset_size=100)


def test_binding_names_the_whole_set_and_the_exact_data(dataset, run):
    bound = bind(replace(run, subset_size=None), dataset)
    assert bound.subset_size == 256
    assert bound.data == dataset.config


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subset_size": 257}, "subset_size"),
        ({"crop_padding": 8}, "crop_padding"),
        ({"accumulate": 5}, "accumulate is 5: passes per update must not exceed those of an epoch, 4"),
        ({"accumulate": 2, "grow_at": (1,), "grow_by": 3}, "accumulate is 6"),
    ],
)
def test_binding_refuses_what_the_data_does_not_have(dataset, run, change, field):
    with pytest.raises(InvalidInput, match=field):
        bind(replace(run, **change), dataset)


def test_an_epoch_is_the_whole_batches_of_the_subset(run):
    assert replace(run, subset_size=120).steps_per_epoch(256) == 3
    assert replace(run, subset_size=None).steps_per_epoch(256) == 8
    assert run.total_steps(256) == 8


def test_growth_after_the_last_epoch_needs_no_passes(dataset, run):
    bind(replace(run, accumulate=2, grow_at=(5,), grow_by=9), dataset)


def test_what_a_run_gained_leaves_old_identities_as_they_were(run):
    gained = {"warm_up", "accumulate", "grow_at", "grow_by"}
    assert gained <= {item.name for item in fields(run) if "versioned" in item.metadata}
    assert identity(replace(run, warm_up=1.0)) != identity(run)
    assert identity(replace(run, model=replace(run.model, norm="none"))) != identity(run)
    # Of before these fields and the policies were there:
    assert identity(RunConfig()) == "deca8010430c45ad"
