import pytest

from benchmarks._cases import TINY
from benchmarks.parity import FIRST, FIRST_TOLERANCE, STEPS, TOLERANCE, compare


def test_fifty_steps_give_the_losses_of_pytorch():
    pytest.importorskip("torch")
    apart = compare(TINY)["differences"]()
    assert len(apart) == STEPS == 50
    assert max(apart[:FIRST]) <= FIRST_TOLERANCE
    assert max(apart) <= TOLERANCE
