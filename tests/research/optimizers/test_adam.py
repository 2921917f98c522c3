from dataclasses import replace

import jax
import numpy as np
import optax
import pytest
from jax import numpy as jnp
from jax.flatten_util import ravel_pytree

from research.errors import InvalidInput
from research.measures.measurement import state_after
from research.measures.sharpness import Sharpness
from research.optimizers.adam import Adam
from research.optimizers.muon import Muon
from research.optimizers.natural_gradient import NaturalGradient
from research.sweeps.sweep import sweep
from research.training.batches import Images
from research.training.context import Hyperparameters, Setting
from tests.research.optimizers._training import (
    SLOW,
    assert_edge,
    assert_equal_training,
    late,
    rate_of,
    tiny,
    with_spectrum,
)

PEAK = 0.003


@pytest.mark.parametrize(("b1", "epsilon", "passes"), [(0.9, 1e-8, 1), (0.8, 1e-3, 2)])
def test_twenty_updates_are_optaxs(run, dataset, b1, epsilon, passes):
    ours = tiny(run, dataset, Adam(b1, 0.99, epsilon), PEAK, accumulate=passes)
    assert_equal_training(ours, dataset, optax.adam(rate_of(PEAK, passes), b1, 0.99, epsilon))


def test_decay_meets_the_moments(run, dataset):
    ours = tiny(run, dataset, Adam(weight_decay=0.1), PEAK)
    theirs = optax.chain(optax.add_decayed_weights(0.1), optax.adam(rate_of(PEAK)))
    assert_equal_training(ours, dataset, theirs)


@pytest.mark.parametrize("b1", [0.0, 0.9])
def test_the_threshold_is_the_edge_of_stability_of_the_preconditioned_hessian(b1):
    """The spectrum of P^-1/2 H P^-1/2 is known, H's own is another; gradients are too small to move P."""
    optimizer = Adam(b1, SLOW, 1e-2)
    state = late(optimizer, [1.0, 4.0, 0.25, 9.0])
    root = jnp.sqrt(optimizer.preconditioner(state, jnp.ones(4)))
    hessian = root[:, None] * with_spectrum([5.0, 3.0, 2.0, 1.0]) * root
    assert abs(jnp.linalg.eigvalsh(hessian)[-1] - 5) > 1
    assert_edge(optimizer, hessian, 5.0, jnp.full(4, 1e-8), steps=40, opt_state=state)


def test_with_a_tenth_of_each_gradient_the_threshold_is_38_over_the_rate():
    assert Adam().threshold(1.0) == pytest.approx(38)


@pytest.mark.parametrize("updates", [1, 2, 50])
def test_the_preconditioner_divides_the_mean_gradient(updates):
    """Direction times P is the mean of past gradients, from the first update on."""
    optimizer = Adam(epsilon=0.1)
    transform, rng = optimizer.transform(), np.random.default_rng(0)
    state, mean = transform.init(jnp.zeros(5)), np.zeros(5)
    direction = jnp.zeros(5)
    for _ in range(updates):
        gradient = rng.normal(size=5)
        mean = 0.9 * mean + 0.1 * gradient
        direction, state = transform.update(jnp.float32(gradient), state, jnp.zeros(5))
    diagonal = optimizer.preconditioner(state, jnp.zeros(5))
    np.testing.assert_allclose(direction * diagonal, mean, rtol=1e-3)


def test_at_rest_only_the_mean_gradient_is_zero():
    transform = Adam().transform()
    _, moving = transform.update(jnp.ones(3), transform.init(jnp.ones(3)), jnp.ones(3))
    still = Adam().at_rest(moving)
    assert not np.any(optax.tree.get(still, "mu"))
    np.testing.assert_array_equal(optax.tree.get(still, "nu"), optax.tree.get(moving, "nu"))
    assert jax.tree.structure(still) == jax.tree.structure(moving)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"b1": 1.0}, "optimizer.b1"),
        ({"b2": -0.1}, "optimizer.b2"),
        ({"epsilon": 0.0}, "optimizer.epsilon"),
        ({"weight_decay": -1.0}, "optimizer.weight_decay"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, field):
    with pytest.raises(InvalidInput, match=field):
        Adam(**changes)


def test_sharpness_is_that_of_the_hessian_adam_meets(run, dataset, store):
    """The dense Hessian of the same batches, divided on both sides, against the record's rows."""
    run = tiny(run, dataset, Adam(epsilon=1e-3), PEAK)
    run = replace(run, epochs=2)
    sweep([run], dataset, store, keep={run: (1,)})
    rows = Sharpness(run, 1, examples=32, num_matvecs=40).measure(dataset, store)
    found = {(row.split, row.metric): row.value for row in rows}
    state = state_after(run, 1, dataset, store, to_train=True)
    setting = Setting.of(run, dataset)

    @jax.jit
    def dense(hyper, images):
        context = setting.context(hyper, images)
        flat, unravel = ravel_pytree(state.params)
        steps = (24, 25)  # of the epoch after the next: never trained on
        loss, batches = context.trained_loss({}), [context.batch(step) for step in steps]
        H = jax.hessian(lambda flat: sum(loss(unravel(flat), batch) for batch in batches) / 2)(flat)
        count, nu = optax.tree.get(state.opt_state, "count"), optax.tree.get(state.opt_state, "nu")
        v = ravel_pytree(nu)[0] / (1 - 0.999**count)
        root = jnp.sqrt((1 - 0.9**count) * (jnp.sqrt(v) + 1e-3))
        return count, jnp.linalg.eigvalsh(H)[-1], jnp.linalg.eigvalsh(H / root / root[:, None])[-1]

    count, plain, preconditioned = dense(Hyperparameters.of(run), Images.of(dataset))
    assert count == 8
    assert found["train", "top_eigenvalue"] == pytest.approx(float(plain), rel=1e-2)
    assert found["train", "preconditioned_eigenvalue"] == pytest.approx(float(preconditioned), rel=1e-2)
    assert preconditioned > 3 * plain
    rate = found["optimizer", "learning_rate"]
    assert found["optimizer", "preconditioned_threshold"] * rate == pytest.approx(38)
    assert ("optimizer", "threshold") not in found  # it is none of the plain Hessian's eigenvalue


@pytest.mark.parametrize("optimizer", [Muon(), NaturalGradient(iterations=2)])
def test_no_threshold_is_recorded_beside_an_eigenvalue_that_it_is_not_one_of(run, dataset, store, optimizer):
    run = replace(tiny(run, dataset, optimizer, PEAK), epochs=1, warm_up=0.0)
    sweep([run], dataset, store, keep={run: (1,)})
    found = {(row.split, row.metric) for row in Sharpness(run, 1, 32, 4).measure(dataset, store)}
    assert ("train", "top_eigenvalue") in found
    assert {metric for split, metric in found if split == "optimizer"} == {"learning_rate"}
