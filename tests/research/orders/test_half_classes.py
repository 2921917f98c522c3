import jax
import jax.numpy as jnp
import numpy as np

from research.orders.half_classes import HalfClasses

KEY, SUBSET = jax.random.key(0), 48


def visits(order: HalfClasses, labels: np.ndarray, epochs: int, subset: int = SUBSET) -> np.ndarray:
    """The rows of each epoch: (epochs, subset)."""
    rows = jax.jit(lambda epoch, size: order.rows(KEY, epoch, size, jnp.asarray(labels)))
    return np.stack([np.asarray(rows(epoch, subset))[:subset] for epoch in range(epochs)])


def test_half_of_the_classes_twice_an_epoch_then_every_image_once():
    labels = np.arange(64) % 4
    rows = visits(HalfClasses(2), labels, 4)
    for epoch in (0, 1):
        assert set(labels[rows[epoch]]) == {0, 1}
        assert (np.bincount(rows[epoch], minlength=SUBSET)[labels[:SUBSET] < 2] == 2).all()
        for half in (rows[epoch, :24], rows[epoch, 24:]):  # once before any comes again
            assert len(set(half)) == 24
    for epoch in (2, 3):
        assert sorted(rows[epoch]) == list(range(SUBSET))
    assert not np.array_equal(rows[0], rows[1])


def test_of_three_classes_the_half_is_two():
    labels = np.arange(64) % 3
    (rows,) = visits(HalfClasses(), labels, 1)
    assert set(labels[rows]) == {0, 1}
    assert set(np.bincount(rows, minlength=SUBSET)[labels[:SUBSET] < 2]) == {1, 2}  # 48 visits of 32 images


def test_without_an_image_of_these_classes_all_are_visited():
    (rows,) = visits(HalfClasses(), np.array([3, 3, 0, 1]), 1, subset=2)
    assert sorted(rows) == [0, 1]
