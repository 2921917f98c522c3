from dataclasses import replace

import jax
import pandas as pd
import pytest

from research.errors import InvalidInput
from research.measures.budget import StepBudget
from research.measures.operators import batch_loss, batch_sharpness
from research.records import checkpoints
from research.records.store import Store
from research.sweeps.sweep import sweep
from research.training.batches import BatchSpec, Images, batch_at, run_key
from research.training.epoch import Network, optimizer, train_step
from research.training.schedules import PiecewiseLinear, learning_rate

CONSTANT = PiecewiseLinear((0.0, 1.0, 4.0), (0.0, 0.1, 0.1), reference_batch=32)


@pytest.fixture(scope="module")
def measured(dataset, run, tmp_path_factory):
    """A run at a small constant rate, the budget of two steps after its first epoch, and its states."""
    store = Store(tmp_path_factory.mktemp("results"))
    run = replace(run, schedule=CONSTANT, factor=0.02, subset_size=256, epochs=3)
    sweep([run], dataset, store, keep={run: (1, 2)})
    rows = StepBudget(run, 1, steps=8, examples=96).measure(dataset, store)
    return run, store, pd.DataFrame([vars(row) for row in rows])


def value(table, step, split, metric):
    chosen = (table["step"] == step) & (table["split"] == split) & (table["metric"] == metric)
    return table.loc[chosen, "value"].item()


def test_gain_less_penalty_is_the_fall_of_the_loss_for_small_steps(measured):
    _, _, table = measured
    for step in (8, 9):
        for split in ("current", "rest"):
            gain, penalty = (value(table, step, split, metric) for metric in ("gain", "penalty"))
            assert -value(table, step, split, "change") == pytest.approx(gain - penalty, rel=0.05, abs=2e-5)
            assert abs(gain) > 1e-4


def test_the_curvature_ratio_is_half_the_rate_times_the_batch_sharpness(dataset, measured):
    run, store, table = measured
    network = Network(run, dataset.image_shape, dataset.classes, split_batch=False)
    like = jax.eval_shape(network.initial_state, 0)
    state = checkpoints.load(store.checkpoint_path(run, 1), like)
    images = Images.of(dataset)
    recipe = BatchSpec(run.batch_size, run.augment, run.crop_padding)
    own = jax.tree.map(
        lambda leaf: leaf[None], batch_at(images, run_key(run.seed), 8, run.subset_size, recipe)
    )
    sharpness = batch_sharpness(batch_loss(network, state.batch_stats, images), state.params, own)[0]
    ratio = value(table, 8, "current", "gradient_penalty") / value(table, 8, "current", "gradient_gain")
    assert value(table, 8, "current", "learning_rate") == pytest.approx(0.02 * 0.1)
    assert ratio == pytest.approx(0.002 * float(sharpness) / 2, rel=1e-4)


def test_changes_are_the_losses_differences_around_each_step(dataset, measured):
    """The steps taken here by hand from the same state, each loss before and after."""
    run, store, table = measured
    network = Network(run, dataset.image_shape, dataset.classes, split_batch=False)
    like = jax.eval_shape(network.initial_state, 0)
    state, images = checkpoints.load(store.checkpoint_path(run, 1), like), Images.of(dataset)
    recipe = BatchSpec(run.batch_size, run.augment, run.crop_padding)
    seen = [batch_at(images, run_key(run.seed), step, run.subset_size, recipe) for step in range(10)]
    rate = learning_rate(run.schedule, run.factor, run.batch_size, 8)
    transform = optimizer(run.momentum, run.weight_decay, rate)
    loss = jax.jit(batch_loss(network, state.batch_stats, images))
    for step in (8, 9):
        after, _, _ = train_step(network, transform, state, images, seen[step])
        for split, index in (("current", step), ("ago_1", step - 1), ("ago_8", step - 8)):
            change = loss(after.params, seen[index]) - loss(state.params, seen[index])
            assert value(table, step, split, "change") == pytest.approx(float(change), abs=2e-6)
        state = after


def test_ages_reach_back_one_epoch_at_most(measured):
    _, _, table = measured
    ages = {split for split in table["split"] if split.startswith("ago")}
    assert ages == {"ago_1", "ago_2", "ago_4", "ago_8"}
    assert value(table, 8, "recent", "half_epoch") == 4


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_moment_that_no_step_follows_is_refused(run, epoch):
    with pytest.raises(InvalidInput, match="epoch"):
        StepBudget(run, epoch)
