import numpy as np
import pytest

from analysis.edge import full_batch, held, highest, hovering, plateau
from tests.analysis.claims.measured_worlds import EdgeWorld


@pytest.fixture
def table():
    """Rises to its level over the first thirty steps, and stays there."""
    world = EdgeWorld(hover=1.0, small=-1.0, large=0.0, noise=0.0)
    return world.draw(np.random.default_rng(0), seeds=2).tables["edge"]


def test_the_eigenvalue_is_over_the_optimizers_own_threshold(table):
    found = full_batch(table, 0.0).loc[0.1]
    np.testing.assert_allclose(found.loc[100], 2)
    np.testing.assert_allclose(found.loc[10], 2 / 3)
    np.testing.assert_allclose(full_batch(table, 0.9).loc[(0.01, 100)], 1)


def test_what_is_held_is_read_off_the_later_half(table):
    np.testing.assert_allclose(hovering(table), 2)
    np.testing.assert_allclose(held(table).loc[8], 0.1)
    np.testing.assert_allclose(held(table).loc[64], 3.8)


def test_the_plateau_ends_where_the_set_is_fitted():
    """Measured every ten steps; fitted at 75, so seven moments are left, and the later half is of four."""
    world = EdgeWorld(hover=0.0, small=0.0, large=0.0, fitted=75, noise=0.0)
    table = world.draw(np.random.default_rng(0), seeds=2).tables["edge"]
    assert set(plateau(table)["step"]) == {40, 50, 60, 70}
    np.testing.assert_allclose(hovering(table), 1)
    at_once = EdgeWorld(fitted=35).draw(np.random.default_rng(0), seeds=2).tables["edge"]
    assert plateau(at_once).empty


def test_the_highest_moment_is_kept_where_it_came_early(table):
    early = (table["step"] == 10) & (table["metric"] == "batch_sharpness")
    table.loc[early, "value"] = 1e4
    np.testing.assert_allclose(highest(table), 100)
