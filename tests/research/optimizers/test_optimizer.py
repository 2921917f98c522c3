from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.optimizers import Optimizer
from research.optimizers.adam import Adam
from research.optimizers.natural_gradient import NaturalGradient
from research.optimizers.sparse_sgd import SparseSGD
from research.training.context import Hyperparameters, Setting, compile_key
from research.training.epoch import CompiledEpoch
from research.training.sharding import make_mesh
from tests.research.optimizers._training import tiny


def after_an_epoch(run, dataset, data_parallel):
    """The state of the run after its first epoch, each batch split over a number of devices."""
    mesh = make_mesh(1, data_parallel, jax.devices())
    program = CompiledEpoch(run, dataset.image_shape, dataset.classes, mesh)
    control = program.control([True], [True], [False])
    states, _ = program.epoch(program.blank(), program.hyper([run]), control, program.images(dataset))
    return jax.tree.map(lambda leaf: np.asarray(leaf)[0], states)


@pytest.mark.parametrize("optimizer", [NaturalGradient(0.5, 5), SparseSGD(0.5)])
def test_splitting_the_batch_changes_floating_point_order_only(run, dataset, optimizer):
    """All devices draw one mask, and solve with the Gauss-Newton matrix of the whole batch."""
    run = tiny(run, dataset, optimizer, 0.1)
    alone, split = (after_an_epoch(run, dataset, parts) for parts in (1, 2))
    first = jax.jit(Setting.of(run, dataset).initial_state)(Hyperparameters.of(run))
    assert max(np.abs(a - b).max() for a, b in _leaves(alone.params, first.params)) > 1e-3
    for one, other in _leaves(alone.params, split.params):
        np.testing.assert_allclose(one, other, atol=1e-5)


def _leaves(one, other):
    return zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)


@pytest.mark.parametrize("name", sorted(Optimizer.members()))
def test_coefficients_are_arguments_of_one_program(run, name):
    """Other values of all of them leave the compile key as it was, and reach the hyperparameters."""
    one = Optimizer.members()[name]()
    given = Hyperparameters.of(replace(run, optimizer=one)).members["optimizer"]
    other = replace(
        one, **{field: 0.25 if value.dtype == jnp.float32 else 3 for field, value in given.items()}
    )
    assert other != one
    assert compile_key(replace(run, optimizer=one)) == compile_key(replace(run, optimizer=other))
    found = Hyperparameters.of(replace(run, optimizer=other)).members["optimizer"]
    assert all(float(value) in (0.25, 3.0) for value in found.values())


@pytest.mark.parametrize("name", sorted(Optimizer.members()))
def test_every_optimizer_says_what_its_threshold_is_of(name):
    """A threshold falls as the rate grows; a diagonal preconditioner is shaped as the parameters."""
    one = Optimizer.members()[name]()
    high, low = one.threshold(0.1), one.threshold(0.2)
    assert (high is None) == (low is None)
    assert high is None or high > low > 0
    if one.preconditioned == "diagonal":
        params = {"a": jnp.ones((2, 3)), "b": jnp.ones(4)}
        _, state = one.transform().update(params, one.transform().init(params), params)
        diagonal = one.preconditioner(state, params)
        assert jax.tree.map(jnp.shape, diagonal) == jax.tree.map(jnp.shape, params)
        assert all((leaf > 0).all() for leaf in jax.tree.leaves(diagonal))


def test_the_default_is_no_preconditioner():
    assert Optimizer.preconditioned == "nothing"
    assert Adam.preconditioned == "diagonal"


def test_an_optimizer_that_divides_by_a_diagonal_has_to_say_which():
    with pytest.raises(TypeError, match="Halved is divided by a diagonal, which `preconditioner` must give"):

        class Halved(Optimizer):
            preconditioned = "diagonal"

            def transform(self):
                raise AssertionError("is not asked")

    params = {"kernel": jnp.full((2, 3), 5.0)}
    np.testing.assert_array_equal(SparseSGD(0.5).preconditioner((), params)["kernel"], np.ones((2, 3)))
