from dataclasses import fields

import pytest

from research.errors import InvalidInput
from research.orders import Order

CHANGING = {
    name: kind for name, kind in Order.members().items() if "until" in {field.name for field in fields(kind)}
}


@pytest.mark.parametrize("name", CHANGING)
def test_an_order_changes_after_no_negative_number_of_epochs(name):
    with pytest.raises(InvalidInput, match=r"order\.until is -1: must be at least [01]$"):
        CHANGING[name](until=-1)  # type: ignore[call-arg]


def test_a_cohort_was_visited_before_it_is_withheld():
    """Else there would be nothing of it to forget; half of the subset may be withheld from the beginning."""
    assert CHANGING["half"](until=0)  # type: ignore[call-arg]
    with pytest.raises(InvalidInput, match=r"order\.until is 0: must be at least 1"):
        CHANGING["cohort"](until=0)  # type: ignore[call-arg]
