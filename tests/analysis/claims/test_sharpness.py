"""B5, E1 and E2 where the rules before were fooled.

Each test keeps the formula of the rule that was there before, and a world in which it is fooled.
"""

import numpy as np

from analysis._tables import where
from analysis.claims._batch import log_ratio
from analysis.edge import full_batch
from analysis.sharpness_gap import ends
from tests.analysis.claims import batch_worlds as make
from tests.analysis.claims.measured_worlds import EdgeWorld
from tests.analysis.claims.old_rules import now, word
from tests.analysis.claims.worlds import evidence

SEEDS = 4


def test_b5_took_the_batch_size_of_the_statistics_for_a_sharper_minimum():
    """Both minima are as sharp, but batch norm's statistics of a larger batch add 0.3 to the log."""
    records = make.sharpness_gap(np.random.default_rng(0), SEEDS, sharper=0.0, own=True, norm=0.3)
    values = ends(records, "sharpness")
    assert word(log_ratio(values["large"], values["small"]), low=0) == "supported"
    assert now("B5", evidence(sharpness_gap=records)) == "cannot be asked"
    records = make.sharpness_gap(np.random.default_rng(0), SEEDS, sharper=0.0, norm=0.3)
    assert now("B5", evidence(sharpness_gap=records)) != "supported"


def late(values):
    """The plateau as it was: the last half of all steps."""
    steps = values.index.get_level_values("step").to_numpy(float)
    return values.loc[steps > steps.max() / 2]


def test_e1_looked_after_the_set_was_fitted():
    records = EdgeWorld(hover=0.0, fitted=75).draw(np.random.default_rng(0), SEEDS)
    rates = late(full_batch(records.tables["edge"], 0.0)).groupby("run.factor").median()
    assert word(np.log2(rates.iloc[0]), -np.log2(1.5), np.log2(1.5)) == "contradicted"
    assert now("E1", records) == "supported"


def test_e2_looked_after_the_set_was_fitted():
    records = EdgeWorld(fitted=75).draw(np.random.default_rng(0), SEEDS)
    measured = where(records.tables["edge"], metric="batch_sharpness", **{"run.batch_size": 8})
    held = measured.loc[measured["step"] > 50].groupby("run.seed")["value"].mean().to_numpy(float)
    assert word(np.log2(0.01 * held / 0.2), -1, 1) == "contradicted"
    assert now("E2", records) == "supported"


def test_a_run_that_fitted_its_set_at_once_has_no_plateau():
    records = EdgeWorld(fitted=35).draw(np.random.default_rng(0), SEEDS)
    assert now("E1", records) == "cannot be asked"
