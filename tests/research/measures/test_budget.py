from dataclasses import replace

import jax
import pandas as pd
import pytest

from research.errors import InvalidInput
from research.measures.budget import StepBudget
from research.measures.measurement import state_after
from research.measures.operators import batch_sharpness
from research.records.store import Store
from research.sweeps.sweep import sweep
from research.training.batches import Images
from research.training.context import Hyperparameters, Setting
from research.training.schedules import PiecewiseLinear
from research.training.step import train_step

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
    state = state_after(run, 1, dataset, store)
    context = Setting.of(run, dataset).context(Hyperparameters.of(run), Images.of(dataset))
    own = jax.tree.map(lambda leaf: leaf[None], context.batch(8))
    sharpness = batch_sharpness(context.trained_loss(state.batch_stats), state.params, own)[0]
    ratio = value(table, 8, "current", "gradient_penalty") / value(table, 8, "current", "gradient_gain")
    assert value(table, 8, "current", "learning_rate") == pytest.approx(0.02 * 0.1)
    assert ratio == pytest.approx(0.002 * float(sharpness) / 2, rel=1e-4)


def test_changes_are_the_losses_differences_around_each_step(dataset, measured):
    """The steps taken here by hand from the same state, each loss before and after."""
    run, store, table = measured
    state = state_after(run, 1, dataset, store, to_train=True)
    context = Setting.of(run, dataset).context(Hyperparameters.of(run), Images.of(dataset))
    seen = [context.batch(step) for step in range(10)]
    loss = jax.jit(context.trained_loss(state.batch_stats))
    for step in (8, 9):
        after, _, _ = train_step(context, state, seen[step])
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
