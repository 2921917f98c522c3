"""A toy that is a network of the families: linear regression through the same training and analysis."""

from dataclasses import replace

import numpy as np
import pytest

from analysis import batch_ladder
from analysis._runs import final
from experiments.batch_ladder import BatchLadder
from research.data import DataConfig, load
from research.losses.squared_error import SquaredError
from research.models.mlp import MLP
from research.optimizers.sgd import SGD
from research.records.store import Store
from research.sweeps.sweep import sweep
from research.training.config import RunConfig
from research.training.schedules import PiecewiseLinear

SIZES = (16, 32, 64)
EPOCHS = 100  # at the largest batch, the whole set, as many updates: enough for an onset


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    """The ladder up to the whole set as one batch, whose edge is at factor 1."""
    dataset = load(DataConfig(train_size=64, test_size=32, image_size=4))
    inputs = ((dataset.train_images - dataset.mean) / dataset.std).reshape(64, -1)
    # A mean over images and classes of squared differences: the Hessian is 2 X'X / (images x classes).
    top = float(2 * np.linalg.eigvalsh(inputs.T @ inputs / 64)[-1] / 10)
    base = RunConfig(
        data=dataset.config,
        subset_size=64,
        augmentation=(),
        model=MLP(hidden=(), bias=False),
        loss=SquaredError(),
        optimizer=SGD(momentum=0.0, nesterov=False, weight_decay=0.0),
        schedule=PiecewiseLinear((0, EPOCHS), (2 / top, 2 / top), reference_batch=64),
        batch_size=16,
        epochs=EPOCHS,
    )
    experiment = BatchLadder(replace(base), batch_sizes=SIZES, factors=(1 / 4, 1 / 2, 0.9, 1.1, 2, 4, 8))
    store = Store(tmp_path_factory.mktemp("results"))
    sweep(experiment.runs(), dataset, store)
    return store.table(experiment.runs())


def test_with_the_whole_set_as_a_batch_the_edge_is_the_eigenvalues(ladder):
    """Nothing is sampled: at 0.9 of 2 / eigenvalue the loss falls, at 1.1 it grows without end."""
    losses = final(ladder, "train", ["batch_size", "factor"]).loc[64]
    guess = SquaredError().of_guess(10)
    assert (losses.loc[[1 / 4, 1 / 2, 0.9]] < guess).all()
    assert (losses.loc[[1.1, 2, 4, 8]] > 1000 * guess).all()


def test_the_onset_falls_with_the_batch_no_faster_than_the_full_loss_would_have_it(ladder):
    chance = SquaredError().of_guess(10)
    onsets = batch_ladder.onsets(ladder, chance)
    assert 0.9 <= 2 ** onsets.loc[64, 0] <= 1.1 + 1e-9
    slope = batch_ladder.slopes(onsets).to_numpy(float)[0]
    assert -1.05 <= slope < 0
