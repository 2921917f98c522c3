from dataclasses import replace
from itertools import product

import jax
import numpy as np
import optax
import pytest
from jax import numpy as jnp

from research.errors import InvalidInput
from research.measures.measurement import state_after
from research.measures.rerun import rerun
from research.optimizers import StepContext
from research.optimizers.sgd import SGD
from research.optimizers.sparse_sgd import SparseSGD
from research.sweeps.sweep import sweep
from research.training.batches import Images
from research.training.context import Hyperparameters
from tests.research.optimizers._training import (
    assert_edge,
    assert_equal_training,
    by_train_step,
    rate_of,
    tiny,
    with_spectrum,
)

PEAK = 0.05


@pytest.mark.parametrize("by", ["element", "block"])
@pytest.mark.parametrize(("nesterov", "passes"), [(True, 1), (False, 2)])
def test_with_everything_drawn_twenty_updates_are_optaxs_sgd(run, dataset, by, nesterov, passes):
    ours = tiny(run, dataset, SparseSGD(1.0, by, 0.9, nesterov, 0.05), PEAK, accumulate=passes)
    rate = rate_of(PEAK, passes)
    theirs = optax.chain(optax.add_decayed_weights(0.05), optax.sgd(rate, 0.9, nesterov))
    assert_equal_training(ours, dataset, theirs)


def test_with_everything_drawn_it_is_sgd_bit_for_bit(run, dataset):
    sparse, dense = (
        by_train_step(tiny(run, dataset, optimizer, PEAK), dataset).params
        for optimizer in (SparseSGD(1.0), SGD())
    )
    jax.tree.map(np.testing.assert_array_equal, sparse, dense)


@pytest.mark.parametrize("by", ["element", "block"])
def test_what_is_not_drawn_stays_bit_for_bit_and_the_rest_is_sgd_written_out(by):
    """Twenty steps in NumPy, by the same masks: parameter and velocity of what is not drawn do not move."""
    b, decay, rate = 0.9, 0.1, 0.05
    optimizer = SparseSGD(0.4, by, b, True, decay)
    transform, rng = optimizer.transform(), np.random.default_rng(0)
    x = {"a": rng.normal(size=(3, 5)), "b": rng.normal(size=7)}
    v = {name: np.zeros_like(leaf) for name, leaf in x.items()}
    ours = jax.tree.map(jnp.float32, x)
    state, kept, drawn = transform.init(ours), 0, 0
    for index in range(20):
        g = {name: rng.normal(size=leaf.shape) for name, leaf in x.items()}
        key = jax.random.fold_in(jax.random.key(3), index)
        masks = jax.random.bernoulli(key, 0.4, (22,) if by == "element" else (2,))
        masks = (
            {"a": masks[:15].reshape(3, 5), "b": masks[15:]}
            if by == "element"
            else {"a": masks[0], "b": masks[1]}
        )
        context = StepContext(key, lambda vector: vector)
        before = ours
        direction, state = transform.update(jax.tree.map(jnp.float32, g), state, ours, context=context)
        ours = jax.tree.map(lambda leaf, d: leaf - rate * d, ours, direction)
        for name, mask in masks.items():
            mask = np.broadcast_to(np.asarray(mask), x[name].shape)
            full = g[name] + decay * x[name]
            v[name] = np.where(mask, b * v[name] + full, v[name])
            x[name] = np.where(mask, x[name] - rate * (full + b * v[name]), x[name])
            np.testing.assert_array_equal(ours[name][~mask], before[name][~mask])
            assert np.all(ours[name][mask] != before[name][mask])
            drawn, kept = drawn + mask.sum(), kept + (~mask).sum()
    for name in x:
        np.testing.assert_allclose(ours[name], x[name], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(optax.tree.get(state, "trace")[name], v[name], rtol=1e-4, atol=1e-5)
    assert 0 < drawn < drawn + kept == 20 * 22


def test_masks_are_of_the_share_and_of_the_key_alone():
    like = {"a": jnp.zeros((50, 40)), "b": jnp.zeros(3000)}
    masks = [SparseSGD(0.1).drawn(jax.random.key(seed), like) for seed in (0, 0, 1)]
    flat = [np.concatenate([mask["a"].ravel(), mask["b"]]) for mask in masks]
    assert flat[0].mean() == pytest.approx(0.1, abs=0.02)
    np.testing.assert_array_equal(flat[0], flat[1])
    assert (flat[0] & flat[2]).mean() == pytest.approx(0.01, abs=0.006)  # independent of each other


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_the_threshold_is_the_edge_where_the_sharp_direction_is_spread_out(share, momentum, nesterov):
    """The eigenvector is spread over 4096 elements: each step is close to the mean over the draws."""
    count = 4096

    class SpreadOut:
        """5 times the projection on the vector of ones, as a product."""

        def __matmul__(self, x):
            return jnp.full(count, 5 * x.mean())

    optimizer = SparseSGD(share, "element", momentum, nesterov, 0.0)
    assert_edge(optimizer, SpreadOut(), 5.0, jnp.ones(count), within=0.05)


def test_a_sharp_direction_that_is_one_element_has_sgds_threshold():
    """At half the elements a step, the mean's threshold is twice as high: not one of them is stable there."""

    class SGDsEdge(SparseSGD):
        def threshold(self, rate):
            return SGD(self.momentum, self.nesterov).threshold(rate)

    optimizer = SGDsEdge(0.5, "element", 0.0, False, 0.0)
    assert_edge(optimizer, jnp.diag(jnp.float32([5.0, 4.9])), 5.0, jnp.ones(2), steps=400)


def test_below_the_certain_bound_the_loss_falls_whatever_the_mean_over_the_draws():
    """The mean loss after a step, over all masks: where p s + (1 - p) d is 2 / rate at most, it falls."""
    hessian, share = np.asarray(with_spectrum([5.0, 4.0, 3.0, 2.0, 1.0, 0.5]), float), 0.3
    mean = np.zeros((6, 6))
    for mask in product((0, 1), repeat=6):
        step = np.diag(mask) @ hessian
        chance = share ** sum(mask) * (1 - share) ** (6 - sum(mask))
        mean += chance * step.T @ hessian @ step
    expected = hessian @ (share**2 * hessian + share * (1 - share) * np.diag(np.diag(hessian))) @ hessian
    np.testing.assert_allclose(mean, expected, rtol=1e-6)
    rate = 2 / (share * 5.0 + (1 - share) * np.diag(hessian).max())
    change = -2 * rate * share * hessian @ hessian + rate**2 * mean
    assert np.linalg.eigvalsh(change).max() < 1e-9


def test_a_run_and_its_rerun_are_one_bit_for_bit(run, dataset, store):
    """The epoch taken again from its first state: parameters, velocities and order are the trained ones."""
    run = replace(run, optimizer=SparseSGD(0.3))
    sweep([run], dataset, store, keep={run: (1, 2)})
    before, after = (state_after(run, epoch, dataset, store, to_train=True) for epoch in (1, 2))
    sources = jnp.arange(4, 8, dtype=jnp.int32)
    images, hyper = Images.of(dataset), Hyperparameters.of(run)
    again, trace = rerun(run, dataset)(before, images, hyper, sources, jnp.int32(4))
    jax.tree.map(
        np.testing.assert_array_equal, (again.params, again.opt_state), (after.params, after.opt_state)
    )
    _, rows = store.read(run)
    seen = rows.query("split == 'seen' and epoch == 2").set_index("metric")["value"]
    assert int(trace.order_checksum) == int(seen["order_checksum"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"share": 0.0}, "optimizer.share"),
        ({"share": 1.5}, "optimizer.share"),
        ({"momentum": 1.0}, "optimizer.momentum"),
        ({"weight_decay": -1.0}, "optimizer.weight_decay"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, field):
    with pytest.raises(InvalidInput, match=field):
        SparseSGD(**changes)
