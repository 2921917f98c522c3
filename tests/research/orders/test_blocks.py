import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.errors import InvalidInput
from research.orders.blocks import Blocks

KEY, SUBSET, LABELS = jax.random.key(0), 32, jnp.arange(40) % 10


def visits(order: Blocks, epochs: int) -> np.ndarray:
    """The rows of each epoch: (epochs, subset)."""
    rows = jax.jit(lambda epoch, size: order.rows(KEY, epoch, size, LABELS))
    return np.stack([np.asarray(rows(epoch, SUBSET))[:SUBSET] for epoch in range(epochs)])


def test_in_a_round_every_image_is_visited_as_often_as_it_has_epochs():
    rows = visits(Blocks(4, passes=4, start=2, stop=10), 12)
    for first in (2, 6):
        assert (np.bincount(rows[first : first + 4].ravel(), minlength=SUBSET) == 4).all()


def test_a_block_is_passed_over_as_a_whole_several_times_in_a_row():
    order = Blocks(2, passes=4, start=0)
    chunks = visits(order, 4).reshape(8, 16)  # eight passes over a block of 16
    assert all(len(set(chunk)) == 16 for chunk in chunks)
    blocks = [chunk[0] // 16 for chunk in chunks]
    assert blocks in ([0] * 4 + [1] * 4, [1] * 4 + [0] * 4)
    assert not np.array_equal(chunks[0], chunks[1])  # each pass in an order of its own


def test_before_and_after_all_of_the_subset_is_visited_once_an_epoch():
    rows = visits(Blocks(4, passes=4, start=2, stop=6), 8)
    for epoch in (0, 1, 6, 7):
        assert sorted(rows[epoch]) == list(range(SUBSET))


def test_what_blocks_leave_over_is_visited_every_epoch():
    rows = visits(Blocks(5, passes=5), 5)  # blocks of 6, and two images
    assert (np.bincount(rows.ravel(), minlength=SUBSET) == 5).all()
    assert all({30, 31} <= set(epoch) for epoch in rows)


def test_more_blocks_than_images_are_refused():
    with pytest.raises(InvalidInput, match=r"order\.count is 33"):
        Blocks(33).check(SUBSET, len(LABELS))
