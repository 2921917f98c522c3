from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.losses.cross_entropy import CrossEntropy
from research.optimizers.sgd import SGD
from research.orders.cohort import WithheldCohort
from research.training.batches import BatchSpec, Images, batch_at, run_key
from research.training.config import RunConfig
from research.training.context import Hyperparameters, Rate, Setting, compile_key
from research.training.schedules import ARTICLE, Policy


def rate_of_a_step(run: RunConfig, steps_per_epoch: int, step: int) -> float:
    return np.asarray(Rate.of(run).of_steps(steps_per_epoch)(step)).item()


def test_the_articles_batch_512_recipe_peaks_at_0_44():
    run = RunConfig(schedule=ARTICLE, factor=1.1, batch_size=512)
    assert rate_of_a_step(run, 97, 15 * 97) == pytest.approx(0.44)


def test_equal_factors_take_equal_steps_per_example():
    small = rate_of_a_step(RunConfig(factor=2.0, batch_size=128), 400, 1000)
    large = rate_of_a_step(RunConfig(factor=2.0, batch_size=512), 100, 250)
    passes = rate_of_a_step(RunConfig(factor=2.0, batch_size=128, accumulate=4), 400, 1000)
    assert large == passes == pytest.approx(4 * small)


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 7, "subset_size": 64, "epochs": 9, "factor": 3.0, "warm_up": 1.0},
        {"schedule": Policy("exp", 0.1, gamma=0.5)},
        {"optimizer": SGD(momentum=0.5, weight_decay=0.0)},
    ],
)
def test_runs_that_differ_in_arguments_alone_have_one_setting(dataset, run, changes):
    other = replace(run, **changes)
    assert compile_key(other) == compile_key(run)
    assert Setting.of(other, dataset) is Setting.of(run, dataset)


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_size": 16},
        {"optimizer": SGD(nesterov=False)},
        {"augmentation": ()},
        {"accumulate": 2},
        {"metrics": ()},
    ],
)
def test_runs_that_differ_in_their_program_have_settings_of_their_own(dataset, run, changes):
    other = replace(run, **changes)
    assert compile_key(other) != compile_key(run)
    assert Setting.of(other, dataset) is not Setting.of(run, dataset)


def test_a_context_is_the_run_it_was_made_of(dataset, run):
    """Inside a compiled function, all of it traced: batches, rates and the optimizer's own numbers."""
    other = replace(run, seed=3, subset_size=96, factor=2.0, optimizer=SGD(momentum=0.25, weight_decay=0.5))
    setting, images = Setting.of(run, dataset), Images.of(dataset)

    @jax.jit
    def facts(hyper, step):
        found = setting.context(hyper, images)
        optimizer = found.config.optimizer
        assert isinstance(optimizer, SGD)
        return (
            found.batch(step),
            found.rate(step),
            found.per_epoch,
            (optimizer.momentum, optimizer.weight_decay),
        )

    batch, rate, per_epoch, numbers = facts(Hyperparameters.of(other), 4)
    expected = batch_at(images, run_key(3), 4, 96, setting.spec)
    jax.tree.map(np.testing.assert_array_equal, batch, expected)
    assert rate == pytest.approx(rate_of_a_step(other, 3, 4))
    assert per_epoch == 3
    assert numbers == (0.25, 0.5)


def test_an_orders_own_arguments_reach_the_batches(dataset, run):
    """A cohort that leaves after three epochs is in the second one's batches: not at the defaults, one."""
    own = replace(run, order=WithheldCohort(size=16, until=3))
    images, hyper = Images.of(dataset), Hyperparameters.of(own)
    order = jax.jit(lambda hyper: Setting.of(own, dataset).context(hyper, images).order(1))(hyper)
    assert sorted(np.asarray(order)[: own.subset_size].tolist()) == list(range(own.subset_size))
    later = jax.jit(lambda hyper: Setting.of(own, dataset).context(hyper, images).order(3))(hyper)
    visited = set(np.asarray(later)[: own.subset_size].tolist())
    assert visited == {*range(own.subset_size - 16), *range(own.subset_size, own.subset_size + 16)}


def test_numbers_given_as_integers_compile_nothing_anew(run):
    """A weight decay of 0, say, in place of 0.0."""
    whole, broken = (
        Hyperparameters.of(replace(run, optimizer=SGD(momentum=number(0), weight_decay=number(1))))
        for number in (int, float)
    )
    dtypes = [jax.tree.map(lambda leaf: leaf.dtype, hyper) for hyper in (whole, broken)]
    assert dtypes[0] == dtypes[1]


def test_an_abstract_state_has_the_shapes_of_a_first_one(dataset, run):
    setting = Setting.of(run, dataset)
    state = jax.jit(setting.initial_state)(Hyperparameters.of(run))
    abstract = setting.abstract_state()
    assert jax.tree.structure(abstract) == jax.tree.structure(state)
    for one, other in zip(jax.tree.leaves(abstract), jax.tree.leaves(state), strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)


def test_views_have_the_rows_and_labels_of_the_step_and_pixels_of_their_own(dataset, run):
    images = Images.of(dataset)

    def views_of(run, views):
        context = Setting.of(run, dataset).context(Hyperparameters.of(run), images)
        return [context.batch(5, view=view) for view in views]

    views = views_of(run, (0, 1, 2, 1))
    trained = batch_at(images, run_key(run.seed), 5, run.subset_size, BatchSpec.of(run))
    jax.tree.map(np.testing.assert_array_equal, views[0], trained)
    jax.tree.map(np.testing.assert_array_equal, views[1], views[3])
    for view in views[1:3]:
        np.testing.assert_array_equal(view.labels, trained.labels)
        assert (np.asarray(view.images) != np.asarray(trained.images)).any()
    assert (np.asarray(views[1].images) != np.asarray(views[2].images)).any()
    # Without augmentation there is one view: the rows themselves.
    one, other = views_of(replace(run, augmentation=()), (0, 1))
    np.testing.assert_array_equal(one.images, other.images)


@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_losses_and_logits_are_the_networks(dataset, run, statistics):
    """Plain and smoothed: what is trained on is smoothed, what is reported is not."""
    smoothed = replace(run, loss=CrossEntropy(smoothing=0.1))
    setting, hyper = Setting.of(smoothed, dataset), Hyperparameters.of(smoothed)
    context = setting.context(hyper, Images.of(dataset))
    state, batch = jax.jit(setting.initial_state)(hyper), context.batch(0)
    pixels = (np.asarray(batch.images, np.float32) - dataset.mean) / dataset.std
    expected, _ = setting.network.apply(
        state.params, state.batch_stats, jnp.asarray(pixels), statistics == "running"
    )
    logits = context.trained_logits(state.batch_stats, statistics)(state.params, batch)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    log_p = np.asarray(jax.nn.log_softmax(expected))
    hard = -log_p[np.arange(32), batch.labels].mean()
    soft = 0.9 * hard - 0.1 * log_p.mean()
    trained = context.trained_loss(state.batch_stats, statistics)(state.params, batch)
    assert trained == pytest.approx(soft, rel=1e-4)
    loss, accuracy = context.evaluated(state.params, state.batch_stats, batch, statistics=statistics)
    assert loss == pytest.approx(hard, rel=1e-4)
    assert accuracy == (log_p.argmax(-1) == np.asarray(batch.labels)).mean()
