"""M5 and M6 where the rules before were fooled.

Each test keeps the formula of the rule that was there before, and a world in which it is fooled.
"""

import numpy as np

from analysis.interventions import effects
from tests.analysis.claims.measured_worlds import InterventionWorld
from tests.analysis.claims.old_rules import now, word


def test_m5_took_a_swing_of_all_losses_for_memory():
    """After the swap every loss is lower by 0.3: of window A nothing in particular is known."""
    records = InterventionWorld(window=0.0, shared=-0.3, swing=0.02).draw(np.random.default_rng(0), 5)
    for factor in (0.25, 4.0):
        found = effects(records.tables["interventions"], "swap", factor, "window_a")
        assert word(found.iloc[1], high=0) == "supported"
    assert now("M5", records) != "supported"


def test_m5_could_not_see_memory_through_the_swings():
    records = InterventionWorld(swing=0.5).draw(np.random.default_rng(0), 5)
    found = effects(records.tables["interventions"], "swap", 4.0, "window_a")
    assert word(found.iloc[1], high=0) == "inconclusive"
    assert now("M5", records) == "supported"


def test_m6_was_not_to_be_settled_by_any_number_of_seeds():
    world = InterventionWorld(swing=0.3)
    many = world.draw(np.random.default_rng(0), 64).tables["interventions"]
    assert word(effects(many, "swap", 0.25, "test").iloc[-1], -0.05, 0.05) == "inconclusive"
    assert now("M6", world.draw(np.random.default_rng(0), 8)) == "supported"
