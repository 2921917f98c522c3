"""Every metric of an epoch against the number computed step by step, here, in NumPy."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from research.metrics import Metric
from research.metrics.accuracy import Accuracy
from research.metrics.gradient_norm import GradientNorm
from research.metrics.learning_rate import LearningRate
from research.metrics.loss import TrainingLoss
from research.metrics.loss_squared import LossSquared
from research.metrics.parameter_norm import ParameterNorm
from research.metrics.update_norm import UpdateNorm
from research.records.store import Store
from research.sweeps.sweep import sweep
from research.training.batches import Images
from research.training.context import Hyperparameters, Setting
from research.training.step import train_step

ALL = (
    TrainingLoss(),
    LossSquared(),
    Accuracy(),
    LearningRate(),
    GradientNorm(),
    UpdateNorm(),
    ParameterNorm(),
)


def length(tree) -> float:
    return np.sqrt(sum((np.asarray(leaf, np.float64) ** 2).sum() for leaf in jax.tree.leaves(tree)))


def direct(run, dataset):
    """For each step of the run: each metric's value, by name."""
    setting, hyper = Setting.of(run, dataset), Hyperparameters.of(run)
    context = setting.context(hyper, Images.of(dataset))
    state = jax.jit(setting.initial_state)(hyper)

    @jax.jit
    def slope(state):
        batch = context.batch(state.step)

        def loss(params):
            logits, _ = context.logits(params, state.batch_stats, batch)
            return context.loss_of_logits(logits, batch), logits

        (value, logits), gradient = jax.value_and_grad(loss, has_aux=True)(state.params)
        return value, (logits.argmax(-1) == batch.labels).mean(), gradient

    step = jax.jit(lambda state: train_step(context, state, context.batch(state.step))[0])
    for _ in range(run.total_steps(dataset.train_size)):
        loss, accuracy, gradient = slope(state)
        after = step(state)
        moved = jax.tree.map(lambda new, old: np.float64(new) - np.float64(old), after.params, state.params)
        rate = run.factor * run.batch_size / run.schedule.reference_batch * run.schedule(int(state.step) / 4)
        yield {
            "loss": loss,
            "loss_squared": np.float64(loss) ** 2,
            "accuracy": accuracy,
            "learning_rate": rate,
            "gradient_norm": length(gradient),
            "update_norm": length(moved),
            "parameter_norm": length(state.params),
        }
        state = after


@pytest.fixture(scope="module")
def measured(dataset, run, tmp_path_factory):
    """The record of a run with every metric, and the direct values, (epoch, step)."""
    store = Store(tmp_path_factory.mktemp("metrics"))
    run = replace(run, metrics=ALL, factor=4.0)
    sweep([run], dataset, store)
    rows = (
        store.read(run)[1]
        .query("split == 'seen'")
        .pivot_table(index="epoch", columns="metric", values="value")
    )
    values = list(direct(run, dataset))
    return rows, {name: np.reshape([step[name] for step in values], (2, 4)) for name in values[0]}


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.member_name())
def test_an_epochs_value_is_the_mean_over_its_steps_or_the_last_ones(measured, metric):
    rows, values = measured
    name = metric.member_name()
    of_steps = values[name]
    expected = of_steps.mean(1) if metric.over_epoch == "mean" else of_steps[:, -1]
    tolerance = 1e-3 if name == "update_norm" else 1e-4  # a small difference of two large numbers
    np.testing.assert_allclose(rows[name].to_numpy(float), expected, rtol=tolerance, atol=1e-7)
    assert (expected > 0).any()


def test_all_members_are_measured_here():
    assert {metric.member_name() for metric in ALL} <= set(Metric.members())


def test_metrics_do_not_change_the_run(dataset, run, store):
    """Whatever is recorded, losses and batches are the same bit for bit."""
    plain, watched = run, replace(run, metrics=ALL)
    bare = replace(run, metrics=())
    sweep([plain, watched, bare], dataset, store)

    def values(each, split):
        rows = store.read(each)[1]
        return rows[(rows["split"] == split) & rows["metric"].isin(["loss", "accuracy"])]["value"].tolist()

    assert values(plain, "seen") == values(watched, "seen")
    assert values(bare, "seen") == []
    for split in ("test", "train"):
        assert values(plain, split) == values(watched, split) == values(bare, split)
