"""A cohort leaves, others take its place; by turns every block has every role."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.errors import InvalidInput
from research.orders.cohort import WithheldCohort

SUBSET, TRAIN, SIZE, UNTIL = 20, 32, 6, 2


def visited(order: WithheldCohort, epoch: int) -> set[int]:
    return set(
        np.asarray(order.rows(jax.random.key(0), epoch, SUBSET, jnp.zeros(TRAIN, int)))[:SUBSET].tolist()
    )


def rows(order: WithheldCohort, name: str) -> set[int]:
    return set(range(*order.groups(SUBSET, TRAIN)[name]))


@pytest.mark.parametrize("turn", range(4))
def test_the_groups_are_visited_as_they_are_called(turn):
    order = WithheldCohort(SIZE, UNTIL, turn)
    for epoch in range(4):
        assert visited(order, epoch) == rows(order, "kept") | rows(
            order, "cohort" if epoch < UNTIL else "others"
        )
        assert not visited(order, epoch) & rows(order, "never_seen")


def test_over_three_turns_each_block_has_had_each_role():
    had = [{name: rows(WithheldCohort(SIZE, UNTIL, turn), name) for name in ROLES} for turn in range(3)]
    blocks = {frozenset(one["cohort"]) for one in had}
    assert len(blocks) == 3
    assert all({frozenset(one[name]) for one in had} == blocks for name in ROLES)


ROLES = ("cohort", "others", "never_seen")


def test_turns_need_room_for_a_block_of_images_never_seen():
    WithheldCohort(SIZE, UNTIL).check(SUBSET, SUBSET + SIZE + 1)
    with pytest.raises(InvalidInput, match=r"order\.turn is 1: needs two blocks of 6 images"):
        WithheldCohort(SIZE, UNTIL, 1).check(SUBSET, SUBSET + SIZE + 1)
    with pytest.raises(InvalidInput, match=r"order\.turn is -1: must not be negative"):
        WithheldCohort(SIZE, UNTIL, -1)
