from dataclasses import replace

import pytest

from benchmarks._cases import TINY
from benchmarks.parity import FIRST, FIRST_TOLERANCE, RATES, STEPS, TOLERANCE, compare


@pytest.mark.parametrize("optimizer", RATES)
def test_fifty_steps_give_the_losses_of_pytorch(optimizer):
    pytest.importorskip("torch")
    # TINY's own rate is SGD's; Adam's customary one is a hundredth of it.
    scale = 1.0 if optimizer == "sgd" else RATES[optimizer]
    apart = compare(replace(TINY, rate=TINY.rate * scale), optimizer=optimizer)["differences"]()
    assert len(apart) == STEPS == 50
    assert max(apart[:FIRST]) <= FIRST_TOLERANCE
    assert max(apart) <= TOLERANCE
