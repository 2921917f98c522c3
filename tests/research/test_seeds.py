from dataclasses import replace

import pytest

from experiments import discover
from research.errors import InvalidInput
from research.seeds import phase, phases


def test_seeds_below_100_explore_and_others_confirm():
    assert phase(range(100)) == "exploration"
    assert phase(range(100, 132)) == "confirmation"
    assert phases([0, 99, 100]) == {"exploration", "confirmation"}


def test_no_experiment_has_both():
    one = discover()["train"]["quick"]
    assert replace(one, seeds=100).phase == "exploration"
    with pytest.raises(
        InvalidInput, match="seeds is 101: from seed 0 on they would explore and, from 100 on, conf"
    ):
        replace(one, seeds=101)


def test_every_preset_explores():
    """Presets were chosen on their own seeds: those of a confirmation have to be asked for."""
    for presets in discover().values():
        assert {one.phase for one in presets.values()} == {"exploration"}
