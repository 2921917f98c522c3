from typing import Any

import jax
import numpy as np
import pytest
from jax import numpy as jnp
from optax.contrib import MuonDimensionNumbers, muon

from research.errors import InvalidInput
from research.optimizers.muon import Muon, as_matrices
from tests.research.optimizers._training import assert_equal_training, by_train_step, rate_of, tiny

PEAK = 0.01


@pytest.mark.parametrize(("nesterov", "decay", "passes"), [(True, 1.0, 1), (False, 0.0, 2)])
def test_twenty_updates_are_optaxs(run, dataset, nesterov, decay, passes):
    """Optax's is told which axes are which: of each parameter, by hand."""
    ours = tiny(run, dataset, Muon(nesterov=nesterov, weight_decay=decay), PEAK, accumulate=passes)
    convolution, linear = MuonDimensionNumbers((0, 1, 2), 3), MuonDimensionNumbers(0, 1)
    axes = {
        "blocks": {0: {"conv1": {"kernel": convolution}, "conv2": {"kernel": convolution}}},
        "head": {"bias": None, "kernel": linear},
        "prepare": {"kernel": convolution},
    }
    rate = rate_of(PEAK, passes)
    theirs = muon(rate, nesterov=nesterov, weight_decay=decay, muon_weight_dimension_numbers=axes)
    assert_equal_training(ours, dataset, theirs)


def direction_of(gradient, optimizer) -> Any:
    transform = optimizer.transform()
    return transform.update(gradient, transform.init(gradient), gradient)[0]


def test_a_kernels_direction_is_newton_and_schulzs_written_out():
    """A convolution's 3x3 kernel from 2 to 4 channels is a matrix of 18 rows and 4 columns."""
    gradient = np.random.default_rng(0).normal(size=(3, 3, 2, 4))
    x = gradient.reshape(18, 4) / np.linalg.norm(gradient)
    for _ in range(5):
        square = x.T @ x
        x = 3.4445 * x + x @ (-4.7750 * square + 2.0315 * square @ square)
    tree = {"conv": {"kernel": jnp.float32(gradient)}}
    found = direction_of(tree, Muon())["conv"]["kernel"]
    np.testing.assert_allclose(found.reshape(18, 4), x, rtol=1e-3, atol=1e-4)
    singular = np.linalg.svd(x, compute_uv=False)
    assert 0.6 < singular.min() < singular.max() < 1.3


def test_what_is_no_kernel_moves_by_adam_at_a_rate_of_its_own():
    tree = {"norm": {"scale": jnp.float32([3.0, -2.0])}, "head": {"bias": jnp.float32([0.5])}}
    found = direction_of(tree, Muon(adam_rate=0.1, nesterov=False))
    np.testing.assert_allclose(found["norm"]["scale"], [0.1, -0.1], rtol=1e-4)  # Adam's first: the sign
    np.testing.assert_allclose(found["head"]["bias"], [0.1], rtol=1e-4)


def test_a_kernels_last_axis_is_its_outputs_and_what_is_no_kernel_is_no_matrix():
    shapes = {
        "qkv": {"kernel": (8, 24), "bias": (24,)},
        "conv": {"kernel": (3, 3, 4, 8), "bias": (8,)},
        "embed": {"position": (1, 16, 8)},
    }
    params = jax.tree.map(jnp.zeros, shapes, is_leaf=lambda shape: isinstance(shape, tuple))
    axes = as_matrices(params)
    assert axes["qkv"] == {"kernel": MuonDimensionNumbers((0,), (1,)), "bias": None}
    assert axes["conv"] == {"kernel": MuonDimensionNumbers((0, 1, 2), (3,)), "bias": None}
    assert axes["embed"] == {"position": None}


@pytest.mark.parametrize("sharpness", [1e-2, 1.0, 1e3])
def test_no_sharpness_makes_it_diverge_or_converge_at_a_constant_rate(sharpness):
    """On |X|^2 it ends up some rates away from the minimum, whatever the curvature: there is no threshold."""
    rate, transform = 0.1, Muon().transform()

    def step(carry, _):
        x, state = carry
        direction, state = transform.update(jax.tree.map(lambda leaf: sharpness * leaf, x), state, x)
        x = jax.tree.map(lambda leaf, d: leaf - rate * d, x, direction)
        return (x, state), jnp.linalg.norm(x["kernel"])

    x = {"kernel": jnp.asarray(np.random.default_rng(0).normal(size=(4, 4)), jnp.float32)}
    sizes = jax.jit(lambda: jax.lax.scan(step, (x, transform.init(x)), length=400)[1])()
    assert 0.3 * rate < np.mean(sizes[200:]) < 20 * rate
    assert Muon().threshold(rate) is None


def test_at_rest_only_mean_gradients_are_zero(run, dataset):
    moving = by_train_step(tiny(run, dataset, Muon(), PEAK), dataset).opt_state
    still = Muon().at_rest(moving)
    named = [
        (jax.tree_util.keystr(path), one, other)
        for (path, one), other in zip(
            jax.tree_util.tree_leaves_with_path(moving), jax.tree.leaves(still), strict=True
        )
    ]
    assert not any(np.any(other) for path, _, other in named if ".mu" in path)
    assert any(np.any(one) for path, one, _ in named if ".mu" in path)
    assert all(np.array_equal(one, other) for path, one, other in named if ".mu" not in path)
    assert any("ns_coeffs" in path for path, _, _ in named)  # without which no step is taken


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"momentum": 1.0}, "optimizer.momentum"),
        ({"iterations": 0}, "optimizer.iterations"),
        ({"adam_rate": -1.0}, "optimizer.adam_rate"),
        ({"b1": 1.0}, "optimizer.b1"),
        ({"b2": 1.0}, "optimizer.b2"),
        ({"epsilon": 0.0}, "optimizer.epsilon"),
        ({"weight_decay": -1.0}, "optimizer.weight_decay"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, field):
    with pytest.raises(InvalidInput, match=field):
        Muon(**changes)
