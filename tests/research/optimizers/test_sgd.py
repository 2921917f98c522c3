import jax
import numpy as np
import optax
import pytest
from jax import numpy as jnp

from research.errors import InvalidInput
from research.optimizers.sgd import SGD
from tests.research.optimizers._training import (
    assert_edge,
    assert_equal_training,
    rate_of,
    tiny,
    with_spectrum,
)

PEAK = 0.05


@pytest.mark.parametrize(("nesterov", "decay", "passes"), [(True, 0.05, 1), (False, 0.0, 1), (True, 0.05, 2)])
def test_twenty_updates_are_optaxs(run, dataset, nesterov, decay, passes):
    ours = tiny(run, dataset, SGD(0.9, nesterov, decay), PEAK, accumulate=passes)
    rate = rate_of(PEAK, passes)
    theirs = optax.chain(optax.add_decayed_weights(decay), optax.sgd(rate, 0.9, nesterov))
    assert_equal_training(ours, dataset, theirs)


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_the_threshold_is_the_edge_of_stability(momentum, nesterov):
    hessian = with_spectrum([5.0, 3.0, 2.0, 1.0])
    assert_edge(SGD(momentum, nesterov, 0.0), hessian, 5.0, jnp.ones(4))


def test_decay_adds_to_every_eigenvalue():
    hessian = with_spectrum([5.0, 3.0, 2.0, 1.0])
    assert_edge(SGD(0.5, False, 2.0), hessian, 7.0, jnp.ones(4))


def test_at_rest_the_velocity_is_zero():
    transform = SGD().transform()
    _, moving = transform.update(jnp.ones(3), transform.init(jnp.ones(3)), jnp.ones(3))
    still = SGD().at_rest(moving)
    assert np.any(optax.tree.get(moving, "trace"))
    assert not np.any(optax.tree.get(still, "trace"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"momentum": 1.0}, "optimizer.momentum"), ({"weight_decay": float("inf")}, "optimizer.weight_decay")],
)
def test_what_makes_no_sense_is_refused(changes, field):
    with pytest.raises(InvalidInput, match=field):
        SGD(**changes)


def test_the_update_is_nesterov_sgd_as_pytorch_states_it():
    momentum, decay, rate = 0.9, 5e-4, lambda step: 0.1 / (step + 1)
    transform = SGD(momentum, weight_decay=decay).transform()
    w = jnp.asarray([1.0, -2.0, 3.0])
    state = transform.init(w)
    expected, buffer = np.asarray(w, np.float64), np.zeros(3)
    rng = np.random.default_rng(0)
    for step in range(5):
        gradient = rng.normal(size=3)
        direction, state = transform.update(jnp.asarray(gradient, jnp.float32), state, w)
        w = optax.apply_updates(w, jax.tree.map(lambda leaf, s=step: -rate(s) * leaf, direction))
        full = gradient + decay * expected
        buffer = momentum * buffer + full
        expected = expected - rate(step) * (full + momentum * buffer)
    np.testing.assert_allclose(np.asarray(w), expected, rtol=1e-5)
