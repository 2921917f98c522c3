import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from research.errors import InvalidInput
from research.optimizers.sgd import SGD


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


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_training_diverges_just_above_the_threshold_and_converges_just_below(momentum, nesterov):
    """Gradient descent with this project's optimizer on a quadratic of sharpness 1% to either side."""
    rate, optimizer = 0.05, SGD(momentum, nesterov, weight_decay=0.0)
    transform = optimizer.transform()

    def distance(sharpness):
        def step(carry, _):
            x, state = carry
            direction, state = transform.update(sharpness * x, state, x)
            return (optax.apply_updates(x, jax.tree.map(lambda leaf: -rate * leaf, direction)), state), None

        x = jnp.ones(())
        (x, _), _ = jax.lax.scan(step, (x, transform.init(x)), length=3000)
        return abs(float(np.asarray(x)))

    threshold = optimizer.threshold(rate)
    assert distance(0.99 * threshold) < 1e-3
    assert not distance(1.01 * threshold) < 1e3


def test_batch_sharpness_is_said_to_settle_at_two_levels():
    assert SGD(momentum=0.9).batch_thresholds(0.1) == pytest.approx((2.0, 38.0))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("momentum", 1.0),
        ("momentum", -0.1),
        ("momentum", float("nan")),
        ("weight_decay", -1e-4),
        ("weight_decay", float("nan")),
        ("weight_decay", float("inf")),
    ],
)
def test_values_that_make_no_update_are_refused(field, value):
    with pytest.raises(InvalidInput, match=f"optimizer.{field}"):
        SGD(**{field: value})
