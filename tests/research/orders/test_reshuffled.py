from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.orders import Order, shuffled
from research.orders.reshuffled import Reshuffled

KEY = jax.random.key(5)


def labels(train_size):
    return jnp.arange(train_size) % 10


@pytest.mark.parametrize("subset_size", [1, 100, 256])
def test_the_subset_comes_first_each_row_once(subset_size):
    rows = np.asarray(jax.jit(lambda size: Reshuffled().rows(KEY, 5, size, labels(256)))(subset_size))
    assert rows.dtype == np.int32
    assert sorted(rows[:subset_size]) == list(range(subset_size))
    assert sorted(rows[subset_size:]) == list(range(subset_size, 256))


def test_every_epoch_has_an_order_of_its_own():
    assert len({tuple(Reshuffled().rows(KEY, epoch, 64, labels(64)).tolist()) for epoch in range(20)}) == 20


def test_an_order_depends_on_key_and_epoch_alone():
    one, again = (Reshuffled().rows(KEY, 3, 64, labels(64)) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert (one != Reshuffled().rows(jax.random.key(6), 3, 64, labels(64))).any()


def test_any_rows_may_be_inside():
    """Those inside first, in random order: the primitive that other orders are made of."""
    inside = jnp.arange(20) % 3 == 1
    found = np.asarray(shuffled(KEY, inside))
    assert sorted(found[:7]) == [1, 4, 7, 10, 13, 16, 19]
    assert found[:7].tolist() != sorted(found[:7])
    assert sorted(found) == list(range(20))


@pytest.mark.parametrize("name", list(Order.members()))
def test_every_order_is_pure_and_stays_inside_the_training_set(name):
    """The contract of the family, on every member that there is."""
    order = Order.members()[name]()
    if name == "cohort":
        order = replace(order, size=16)
    order.check(96, 128)
    rows = jax.jit(lambda epoch: order.rows(KEY, epoch, 96, labels(128)))
    for epoch in (0, 1, 7):
        found = np.asarray(rows(epoch))
        assert found.shape == (128,)
        assert ((found >= 0) & (found < 128)).all()
        visited = [range(*rows) for name, rows in order.groups(96, 128).items() if name != "never_seen"]
        assert set(found[:96].tolist()) <= set().union(*visited)
        np.testing.assert_array_equal(found, np.asarray(rows(epoch)))
        np.testing.assert_array_equal(found, np.asarray(order.rows(KEY, epoch, 96, labels(128))))
