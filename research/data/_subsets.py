"""Nested, class-balanced subsets: one order, of which every subset is a prefix."""

import numpy as np
from jaxtyping import Int


def nested_order(labels: Int[np.ndarray, " rows"], seed: int) -> Int[np.ndarray, " rows"]:
    """Row numbers in an order whose every prefix holds each class in its share of the whole.

    Each class is shuffled, then the classes are dealt out evenly: the j-th image of a class with c images
    stands at fraction (j + 1/2) / c of the order, ties in random order. With equally large classes, a
    prefix of n rows holds floor(n / classes) or one more of each.
    """
    rng = np.random.default_rng([seed, len(labels)])
    position = np.empty(len(labels))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        position[rng.permutation(rows)] = (np.arange(len(rows)) + 0.5) / len(rows)
    return np.lexsort((rng.random(len(labels)), position))
