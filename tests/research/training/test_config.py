import json
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.averaging import PRESETS as AVERAGING
from research import data
from research.augmentations.crop import Crop
from research.augmentations.cutout import Cutout
from research.augmentations.flip import Flip
from research.averaging.uniform import Uniform
from research.errors import InvalidInput
from research.gradients.fresh_noise import FreshNoise
from research.losses.cross_entropy import CrossEntropy
from research.metrics.loss import TrainingLoss
from research.optimizers.sgd import SGD
from research.records.identity import identity
from research.training.config import RunConfig, bind

FIGURES = Path(__file__).parents[3] / "paper_figures"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subset_size", 0),
        ("batch_size", 0),
        ("factor", 0.0),
        ("factor", -2.0),
        ("factor", float("nan")),
        ("factor", float("inf")),
        ("epochs", 0),
        ("seed", -1),
        ("warm_up", -1.0),
        ("accumulate", 0),
        ("grow_at", (3, 2)),
        ("grow_at", (0,)),
        ("grow_by", 1),
        ("metrics", (TrainingLoss(), TrainingLoss())),
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
        ({"gradient": FreshNoise()}, "gradient is 'fresh_noise': .* accumulate must be at least 2"),
        ({"augmentation": (Flip(), Crop(8))}, "augmentation.padding is 8: must be below the images' side, 8"),
        ({"augmentation": (Cutout(9),)}, "augmentation.size is 9: must be at most the images' side, 8"),
        ({"augmentation": (Flip(),) * 9}, "augmentation is 9: must be at most 8 in sequence"),
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


def test_published_runs_have_the_names_they_were_published_under():
    """A field that runs have gained since is in none of them."""
    published = json.loads((FIGURES / "quick-confirm" / "averaging.json").read_text())
    base = replace(AVERAGING["quick"].base, seed=100)
    runs = replace(AVERAGING["quick"], base=bind(base, data.load(base.data)), seeds=8).runs()
    assert {identity(run) for run in runs} == set(published["runs"])


def test_growth_after_the_last_epoch_needs_no_passes(dataset, run):
    bind(replace(run, accumulate=2, grow_at=(5,), grow_by=9), dataset)


@pytest.mark.parametrize(
    "changes",
    [
        {"warm_up": 1.0},
        {"loss": CrossEntropy(0.1)},
        {"augmentation": (Flip(), Crop(2))},
        {"averaging": Uniform()},
        {"optimizer": SGD(nesterov=False)},
        {"metrics": ()},
        {"accumulate": 2, "gradient": FreshNoise()},
    ],
)
def test_all_that_determines_a_run_is_in_its_identity(run, changes):
    assert identity(replace(run, **changes)) != identity(run)
    assert identity(replace(run, model=replace(run.model, norm="none"))) != identity(run)
