import optax
import pytest
from jax import numpy as jnp

from research.errors import InvalidInput
from research.optimizers.adamw import AdamW
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


@pytest.mark.parametrize(("decay", "passes"), [(0.0, 1), (1.0, 1), (1.0, 2)])
def test_twenty_updates_are_optaxs(run, dataset, decay, passes):
    ours = tiny(run, dataset, AdamW(weight_decay=decay), PEAK, accumulate=passes)
    assert_equal_training(ours, dataset, optax.adamw(rate_of(PEAK, passes), weight_decay=decay))


@pytest.mark.parametrize("decay", [0.0, 2.0])
def test_the_threshold_is_the_edge_of_stability_decay_included(decay):
    """At a decay of 2 the rate's edge lies where decay alone takes a fifth off the threshold."""
    optimizer = AdamW(0.5, SLOW, 1e-2, decay)
    state = late(optimizer, [1.0, 4.0, 0.25, 9.0])
    root = jnp.sqrt(optimizer.preconditioner(state, jnp.ones(4)))
    hessian = root[:, None] * with_spectrum([25.0, 15.0, 10.0, 5.0]) * root
    assert_edge(optimizer, hessian, 25.0, jnp.full(4, 1e-8), steps=60, opt_state=state)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"b1": 1.0}, "optimizer.b1"),
        ({"b2": 1.0}, "optimizer.b2"),
        ({"epsilon": 0.0}, "optimizer.epsilon"),
        ({"weight_decay": -1.0}, "optimizer.weight_decay"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, field):
    with pytest.raises(InvalidInput, match=field):
        AdamW(**changes)
