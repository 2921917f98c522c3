"""The arms of additive noise, read off a table in which each loss says which it is."""

import numpy as np
import pandas as pd
import pytest

from analysis import additive_noise as figure
from analysis._tables import where
from tests.analysis.claims.additive_noise_worlds import AdditiveWorld

CHANCE = float(np.log(10))
ARMS = (figure.SMALL, figure.LARGE, *figure.NOISY)


@pytest.fixture
def table() -> pd.DataFrame:
    """Nothing scatters: costs at factor 4 are 0.1 of the update's, 0.4 of noise's, half of it when stale."""
    world = AdditiveWorld(update=0.1, renewed=0.5, held=0.25, left=0.5, images=0.05, noise=0)
    return world.draw(np.random.default_rng(0), 3).tables["additive_noise"]


def test_each_arm_is_read_at_the_small_batchs_factor(table):
    for arm, cost in zip(ARMS, (0.55, 0.1, 0.5, 0.3, 0.2), strict=True):
        found = figure.losses(table, arm, CHANCE)
        assert found.index.to_list() == [1.0, 4.0]
        np.testing.assert_allclose(found.loc[4.0] - found.loc[1.0], 0.9 * cost, rtol=1e-6)


def test_what_noise_costs_is_beside_the_large_batch_before_and_after_annealing(table):
    for arm, cost in zip(figure.NOISY, (0.4, 0.2, 0.1), strict=True):
        np.testing.assert_allclose(figure.noise_costs(table, arm, CHANCE), cost)
        np.testing.assert_allclose(figure.noise_costs(table, arm, CHANCE, after=True), cost / 2)


@pytest.mark.parametrize(
    ("arm", "kind", "every"),
    [
        (figure.FRESH, "fresh_noise", np.nan),
        (figure.RENEWED, "stale_noise", 8.0),
        (figure.HELD, "stale_noise", 64.0),
    ],
)
@pytest.mark.parametrize("seeds", [[1], [0, 1, 2]])
def test_a_run_that_diverged_counts_as_a_guess(table, arm, kind, every, seeds):
    """Nothing is measured on it; its own record says that it diverged. No other arm's losses change."""
    of_arm = (table["run.gradient.kind"] == kind) & table["run.gradient.every"].isin([every])
    at = of_arm & (table["run.factor"] == 0.5) & table["run.seed"].isin(seeds)
    run = {"kind": "RunConfig", "status": "diverged", "accumulate": 8, "gradient.kind": kind}
    run |= {"gradient.every": every, "gradient.start": 16.0, "factor": 0.5}
    rows = [run | {"seed": seed} for seed in seeds]
    changed = pd.concat([table.loc[~at], pd.DataFrame(rows)], ignore_index=True)
    for other in ARMS:
        found, before = (figure.losses(one, other, CHANCE) for one in (changed, table))
        if other == arm:
            before.loc[4.0, seeds] = CHANCE
        np.testing.assert_allclose(found, before)
        assert found.index.equals(before.index)


def test_where_no_loss_rises_there_is_no_cost(table):
    flat = table.assign(value=1.0)
    assert np.isnan(figure.rise(flat, CHANCE))
    assert figure.costs(flat, figure.FRESH, CHANCE).isna().all()


def test_the_noise_is_looked_at_where_it_is_taken_and_where_the_weights_are():
    table = AdditiveWorld(size=3.0).draw(np.random.default_rng(0), 2).tables["additive_noise"]
    assert (figure.variances(table, figure.HELD, taken=True) == 3).all(axis=None)
    assert (figure.variances(table, figure.RENEWED, taken=True) == 1).all(axis=None)
    assert (figure.variances(table, figure.HELD) == 1).all(axis=None)


def test_a_run_that_diverged_has_no_noise_at_its_weights(table):
    """Its snapshot was looked at; at the peak's end it had no weights."""
    held = (table["run.gradient.every"] == 64) & (table["run.seed"] == 1)
    table = table.loc[~(held & (table["epoch"] == 64))]
    assert figure.variances(table, figure.HELD).columns.to_list() == [0, 2]
    assert figure.variances(table, figure.HELD, taken=True).columns.to_list() == [0, 1, 2]


def test_records_of_a_measure_alone_have_no_losses(table):
    alone = where(table, kind="GradientNoise")
    assert figure.losses(alone, figure.RENEWED, CHANCE).empty
    assert figure.variances(alone, figure.RENEWED).empty


def test_noise_that_begins_late_is_an_arm_of_its_own(table):
    """And costs no more than it does: the others are what they were without it."""
    noisy = table["run.gradient.start"].notna() & (table["run.gradient.every"] != 8)
    late = table.loc[noisy].assign(**{"run.gradient.start": 48.0, "value": table["value"] + 0.1})
    both = pd.concat([table, late], ignore_index=True)
    for arm, its_late in ((figure.FRESH, figure.LATE_FRESH), (figure.HELD, figure.LATE_HELD)):
        found = figure.losses(table, arm, CHANCE)
        np.testing.assert_allclose(figure.losses(both, arm, CHANCE), found)
        np.testing.assert_allclose(figure.losses(both, its_late, CHANCE), found + 0.1)
        assert figure.losses(table, its_late, CHANCE).empty
