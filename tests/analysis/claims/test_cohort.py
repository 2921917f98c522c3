"""M7 and M8: where their old rule was of no use, or fooled, and the one that they have is not."""

import numpy as np
import pandas as pd
import pytest

from analysis.claims.cohort import half_lives, of_images, shift, slope
from analysis.fading import Fading, of_cohorts
from tests.analysis.claims.measured_worlds import CohortWorld
from tests.analysis.claims.old_rules import now, word
from tests.analysis.claims.worlds import Evidence


def old_half_lives(records: Evidence) -> pd.DataFrame:
    """A fit for each run, undefined where it shows no memory that can be told from none."""
    known = {}
    for fit in of_cohorts(records.tables["cohort"], "epochs").to_dict("records"):
        one = Fading(*(fit[name] for name in Fading._fields))
        known[fit["run.factor"], fit["run.seed"]] = np.log2(min(one.half_life, 24)) if one.seen else np.nan
    return pd.Series(known).unstack()


def test_what_some_single_runs_do_not_show_their_mean_does():
    records = CohortWorld(memory=0.07, images=0.035, noise=0.4).draw(np.random.default_rng(0), 6)
    old = old_half_lives(records)
    assert word(old.iloc[-1] - old.iloc[0], high=0) == "inconclusive"
    assert old.isna().any(axis=None)
    assert now("M7", records) == "supported"


def test_half_lives_are_the_worlds():
    found = half_lives(CohortWorld(noise=1e-3, images=1e-4).draw(np.random.default_rng(0), 3))
    np.testing.assert_allclose(found.mean(axis=1), np.log2(1.5 / np.array([0.25, 1, 2, 4])), atol=0.05)


def test_a_memory_that_lasts_counts_as_a_bound_and_one_that_is_not_there_as_nothing():
    lasting = CohortWorld(power=0, life=1e6, noise=1e-3, images=1e-4).draw(np.random.default_rng(0), 3)
    np.testing.assert_allclose(half_lives(lasting), np.log2(4 * 6), atol=0.1)
    nothing = CohortWorld(memory=-0.1, noise=1e-3, images=1e-4).draw(np.random.default_rng(0), 3)
    assert half_lives(nothing).isna().to_numpy().all()


@pytest.mark.parametrize("turns", [True, False])
def test_cohorts_that_are_hard_in_all_seeds_alike_are_not_taken_for_what_rates_do(turns):
    """Their images' error is the same in all seeds: only turns show it."""
    world = CohortWorld(power=-0.5, memory=0.12, images=0.035, turns=turns)
    rng, words, alone = np.random.default_rng(0), [], []
    for _ in range(12):
        records = world.draw(rng, 6)
        words.append(now("M8", records))
        alone.append(word(slope(records), high=-1 / 2))
        assert (of_images(records, shift) == 0) == turns
    assert words.count("inconclusive") >= 11  # of 12 at 95%, two mistakes come by chance once in ten times
    assert (alone.count("inconclusive") >= 11) == turns
