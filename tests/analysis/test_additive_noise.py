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
    rows = [run | {"gradient.every": every, "factor": 0.5, "seed": seed} for seed in seeds]
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
    rows = [
        {"epoch": epoch, "value": value, "run.seed": 0, "run.factor": 0.5, "run.accumulate": 8}
        for epoch, value in ((16.0, 3.0), (64.0, 5.0))
    ]
    same = {"kind": "GradientNoise", "split": "batch", "metric": "variance_32", "run.batch_size": 32}
    same |= {"run.gradient.kind": "stale_noise", "run.gradient.every": 8.0}
    table = pd.DataFrame(rows).assign(**same)
    assert figure.variances(table, figure.RENEWED, taken=True).to_numpy() == [[3.0]]
    assert figure.variances(table, figure.RENEWED).to_numpy() == [[5.0]]
    assert where(table, kind="RunConfig").empty
    assert figure.losses(table, figure.RENEWED, CHANCE).empty
