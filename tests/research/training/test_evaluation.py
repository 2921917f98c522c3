from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.losses.cross_entropy import CrossEntropy
from research.training.batches import Images
from research.training.context import Hyperparameters, Setting
from research.training.evaluation import evaluate, statistics_anew


@pytest.fixture(scope="module")
def context(dataset, run):
    return Setting.of(run, dataset).context(Hyperparameters.of(run), Images.of(dataset))


@pytest.fixture(scope="module")
def state(dataset, run):
    return jax.jit(Setting.of(run, dataset).initial_state)(Hyperparameters.of(run))


def test_every_row_is_counted_once(dataset, context, state):
    for rows in (1, 31, 72):
        pixels = (dataset.test_images[:rows].astype(np.float32) - dataset.mean) / dataset.std
        logits, _ = context.network.apply(state.params, state.batch_stats, jnp.asarray(pixels), True)
        labels = dataset.test_labels[:rows]
        loss, accuracy = evaluate(context, state.params, state.batch_stats, "test", rows, batch_size=32)
        expected = CrossEntropy().per_example(logits, jnp.asarray(labels)).mean()
        np.testing.assert_allclose(loss, expected, rtol=1e-5)
        np.testing.assert_allclose(accuracy, (np.argmax(logits, -1) == labels).mean(), rtol=1e-6)


def test_of_no_rows_it_is_zero_and_not_a_division_by_zero(context, state):
    assert [float(x) for x in evaluate(context, state.params, state.batch_stats, "test", 0)] == [0, 0]


def test_statistics_anew_are_the_means_of_the_batches_own(dataset, context, state):
    """Of a layer fed with the images themselves they are known: the first norm's, by hand."""
    epoch = 2
    found = jax.jit(lambda s: statistics_anew(context, s.params, s.batch_stats, epoch))(state)
    images = [context.batch(epoch * 4 + index).images for index in range(4)]
    means, variances = [], []
    for pixels in images:
        inputs = (np.asarray(pixels, np.float32) - dataset.mean) / dataset.std
        kernel = state.params["prepare"]["kernel"]
        first = jax.lax.conv_general_dilated(
            jnp.asarray(inputs), kernel, (1, 1), ((1, 1), (1, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        means.append(np.asarray(first).mean((0, 1, 2)))
        variances.append(np.asarray(first).var((0, 1, 2)))
    norm = found["blocks"][0]["norm1"]
    np.testing.assert_allclose(norm["mean"], np.mean(means, 0), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(norm["var"], np.mean(variances, 0), rtol=1e-3)
    other = jax.tree.map(lambda leaf: leaf + 3, state.batch_stats)
    again = statistics_anew(context, state.params, other, epoch)
    for one, two in zip(jax.tree.leaves(found), jax.tree.leaves(again), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)  # whatever they were before


def test_a_network_without_norm_has_no_statistics_to_estimate(dataset, run):
    plain = replace(run, model=replace(run.model, norm="none"))
    setting, hyper = Setting.of(plain, dataset), Hyperparameters.of(plain)
    state = jax.jit(setting.initial_state)(hyper)
    context = setting.context(hyper, Images.of(dataset))
    assert statistics_anew(context, state.params, state.batch_stats, 0) == state.batch_stats
