from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

from research.models._layers import dropout, split_keys
from research.training.batches import Images
from research.training.context import Hyperparameters, Setting
from tests.research.models.networks import KERAS

ONES = jnp.ones((64, 500))


def test_a_share_is_dropped_and_the_mean_stays():
    dropped = np.asarray(dropout(ONES, 0.25, jax.random.key(0)))
    assert set(np.unique(dropped)) == {0.0, np.float32(1 / 0.75)}
    # 32,000 draws: six standard deviations.
    assert (dropped == 0).mean() == pytest.approx(0.25, abs=6 * (0.25 * 0.75 / ONES.size) ** 0.5)
    assert dropped.mean() == pytest.approx(1, abs=6 * (0.25 / 0.75 / ONES.size) ** 0.5)


def test_every_example_has_a_mask_of_its_own():
    kept = np.asarray(dropout(ONES, 0.5, jax.random.key(0))) > 0
    assert len(np.unique(kept, axis=0)) == len(kept)


def test_with_no_key_or_no_share_the_values_are_as_they_were():
    np.testing.assert_array_equal(dropout(ONES, 0.5, None), ONES)
    np.testing.assert_array_equal(dropout(ONES, 0.0, jax.random.key(0)), ONES)
    assert split_keys(None, 3) == [None] * 3


@pytest.mark.parametrize("devices", [2, 4])
def test_a_batch_split_over_devices_has_the_masks_of_the_whole(devices):
    mesh = Mesh(np.asarray(jax.devices()[:devices]), ("data",))
    split = partial(dropout, rate=0.5, key=jax.random.key(3), batch_axis="data")
    spec = PartitionSpec("data")
    found = jax.jit(jax.shard_map(split, mesh=mesh, in_specs=spec, out_specs=spec))(ONES)
    np.testing.assert_array_equal(found, dropout(ONES, 0.5, jax.random.key(3)))


def test_masks_are_a_function_of_seed_and_step(run, dataset):
    """Of a whole network, through its context: what a replay needs."""
    setting, images = Setting.of(replace(run, model=KERAS), dataset), Images.of(dataset)
    hyper = Hyperparameters.of(run)
    state = jax.jit(setting.initial_state)(hyper)

    @jax.jit
    def logits(hyper, step):
        context = setting.context(hyper, images)
        key = context.dropout_key(step)
        return context.logits(state.params, state.batch_stats, context.batch(0), key=key)[0]

    here = logits(hyper, 1)
    np.testing.assert_array_equal(here, logits(hyper, 1))
    assert np.abs(here - logits(hyper, 2)).max() > 1e-4
    reseeded = hyper._replace(seed=hyper.seed + 1)
    context = setting.context(reseeded, images)
    assert (context.dropout_key(1) != setting.context(hyper, images).dropout_key(1)).all()
