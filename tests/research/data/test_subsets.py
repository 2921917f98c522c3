"""The nested order: every prefix is balanced."""

import numpy as np

from research.data import nested_order


def test_every_prefix_is_balanced():
    labels = np.random.default_rng(0).permutation(np.arange(1000) % 10)
    order = nested_order(labels, seed=0)
    assert sorted(order) == list(range(1000))
    for size in (7, 100, 333, 625):
        counts = np.bincount(labels[order[:size]], minlength=10)
        assert counts.max() - counts.min() <= 1


def test_unequal_classes_keep_their_shares():
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    counts = np.bincount(labels[nested_order(labels, seed=0)[:100]])
    np.testing.assert_allclose(counts, [60, 30, 10], atol=1)


def test_the_seed_decides():
    labels = np.arange(100) % 10
    assert (nested_order(labels, 0) == nested_order(labels, 0)).all()
    assert (nested_order(labels, 0) != nested_order(labels, 1)).any()
