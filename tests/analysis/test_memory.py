import numpy as np
import pandas as pd
import pytest

from analysis.memory import around, centre, half_lives
from tests.analysis.claims.measured_worlds import MemoryWorld


@pytest.fixture
def table() -> pd.DataFrame:
    """Half-lives of 0.15 and 0.6 epochs at the ends of the widths, with hardly any noise."""
    world = MemoryWorld("run.model.width", power=2, noise=1e-3)
    return world.draw(np.random.default_rng(0), seeds=2).tables["memory"]


def test_each_model_has_its_half_life_in_epochs_and_steps(table):
    found = half_lives(table).sort_values(["run.model.width", "run.seed"])
    np.testing.assert_allclose(found["value"], [0.15, 0.15, 0.6, 0.6], rtol=0.1)
    np.testing.assert_allclose(found["steps"], 32 * found["value"])
    np.testing.assert_allclose(found["steps_low"], 32 * found["low"])
    np.testing.assert_allclose(found["steps_high"], 32 * found["high"])
    assert (found["low"].to_numpy() <= found["value"].to_numpy()).all()
    assert (found["value"].to_numpy() <= found["high"].to_numpy()).all()


def test_around_the_centre_one_thing_varies():
    points = [(1.0, 8, 32, 5e-4), (4.0, 8, 32, 5e-4), (1.0, 16, 32, 5e-4), (1.0, 8, 64, 5e-4)]
    columns = ["run.factor", "run.model.width", "run.batch_size", "run.optimizer.weight_decay"]
    found = pd.DataFrame(points, columns=columns).assign(**{"run.seed": 0})
    assert centre(found) == dict(zip(columns, points[0], strict=True))
    assert around(found, "run.factor")["run.factor"].tolist() == [1.0, 4.0]
    assert around(found, "run.batch_size")["run.batch_size"].tolist() == [32, 64]
    assert around(found, "run.optimizer.weight_decay")["run.optimizer.weight_decay"].tolist() == [5e-4]
