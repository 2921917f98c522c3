import numpy as np
import pytest

from analysis.claims._sweep import TWO_ONSETS, sweep
from analysis.quantities import FEWEST_UPDATES
from tests.analysis.claims.worlds import FACTORS, SIZES, SweepWorld, draw, evidence


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_grid_reads_back_what_the_world_was_made_with(rng):
    world = SweepWorld(onset=3.4, onset_fall=2, best=1.3, best_growth=-1, noise=0)
    runs = sweep(draw(world, rng, 2))
    assert runs.train.shape == (2, len(SIZES), len(FACTORS), 2)
    np.testing.assert_allclose(runs.onsets(0), 3.25, atol=0.25)  # between the factors of 3 and 3.5
    np.testing.assert_allclose(runs.onsets(-1)[2:], 1.25, atol=0.25)
    np.testing.assert_allclose(runs.bests(0)[:, 0], 1.3 - np.arange(4) / 3)
    np.testing.assert_allclose(runs.per_eightfold(runs.bests(0)), -1)
    assert runs.batch_doublings == 2


def test_the_gap_is_that_of_the_grid_where_the_onsets_are(rng):
    runs = sweep(draw(SweepWorld(noise=0), rng, 2))
    assert runs.gap(runs.onsets(0)) == 0.5
    assert runs.gap(np.array([0.3])) == 1
    assert runs.gap(np.array([0.3]), np.array([1.3])) == pytest.approx((1 / 2 + 0.25 / 2) ** 0.5)
    assert runs.gap(np.array([np.nan, np.inf])) == 0


def test_subsets_with_few_updates_have_no_onset(rng):
    runs = sweep(draw(SweepWorld(noise=0), rng, 2))
    np.testing.assert_array_equal(runs.updates, [[192, 384, 768, 1536], [48, 96, 192, 384]])
    np.testing.assert_array_equal(runs.trained_enough(-1), runs.updates[1] >= FEWEST_UPDATES)
    assert np.isnan(runs.onsets(-1)[~runs.trained_enough(-1)]).all()
    assert np.isfinite(runs.onsets(-1)[runs.trained_enough(-1)]).all()


def test_divergence_is_infinite_and_a_missing_run_is_nan(rng):
    table = SweepWorld(noise=0).table(rng, 2)
    gone = (table["factor"] == 1) & (table["seed"] == 1) & (table["batch_size"] == 32)
    runs = sweep(evidence(lr_sweep=table.loc[~gone]))
    assert np.isposinf(runs.test[0, :, -1]).all()
    assert np.isnan(runs.test[0, :, 3, 1]).all()
    assert np.isnan(runs.onsets(0)[:, 1]).all()
    assert np.isfinite(runs.onsets(0)[:, 0]).all()


def test_rounding_of_two_onsets_is_what_a_simulation_finds(rng):
    difference = np.abs(rng.uniform(size=100_000) - rng.uniform(size=100_000))
    assert np.quantile(difference, 0.95) == pytest.approx(TWO_ONSETS, abs=0.01)
