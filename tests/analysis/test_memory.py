import numpy as np
import pandas as pd
import pytest

from analysis._tables import where
from analysis.memory import around, centre, draw, half_lives
from tests.analysis.claims.measured_worlds import MemoryWorld


@pytest.fixture
def table() -> pd.DataFrame:
    """Half-lives of 0.15 and 0.6 epochs at the ends of the widths, with hardly any noise."""
    world = MemoryWorld("run.model.width", power=2, noise=1e-3)
    return world.draw(np.random.default_rng(0), seeds=2).tables["memory"]


def test_each_model_has_its_half_life_in_epochs(table):
    found = where(half_lives(table), memory="view").sort_values(["run.model.width", "run.seed"])
    np.testing.assert_allclose(found["half_life"], [0.15, 0.15, 0.6, 0.6], rtol=0.1)
    low, life, high = found[["low", "half_life", "high"]].to_numpy(float).T
    assert ((low <= life) & (life <= high)).all()


def test_the_figure_has_a_row_for_images_and_one_for_views(table):
    labels = [axes.get_ylabel() for axes in draw(table).axes]
    assert "images" in labels[0]
    assert "views" in labels[-1]


def test_fits_without_memory_are_not_shown_and_counted():
    """Of eight runs two have views that are as well known fresh as seen."""
    world = MemoryWorld("run.model.width", noise=1e-3)
    table = world.draw(np.random.default_rng(0), seeds=4).tables["memory"]
    assert "0 of 8 of views" in str(draw(table).get_label())
    gone = table["split"].eq("seen") & table["run.seed"].eq(3)
    at = pd.MultiIndex.from_frame(table.loc[gone, ["record", "epoch"]])
    fresh = table[table["split"] == "fresh_view"].set_index(["record", "epoch"])["value"]
    table.loc[gone, "value"] = fresh.loc[at].to_numpy()
    assert "2 of 8 of views" in str(draw(table).get_label())


def test_around_the_centre_one_thing_varies():
    points = [(1.0, 8, 32, 5e-4), (4.0, 8, 32, 5e-4), (1.0, 16, 32, 5e-4), (1.0, 8, 64, 5e-4)]
    columns = ["run.factor", "run.model.width", "run.batch_size", "run.optimizer.weight_decay"]
    found = pd.DataFrame(points, columns=columns).assign(**{"run.seed": 0})
    assert centre(found) == dict(zip(columns, points[0], strict=True))
    assert around(found, "run.factor")["run.factor"].tolist() == [1.0, 4.0]
    assert around(found, "run.batch_size")["run.batch_size"].tolist() == [32, 64]
    assert around(found, "run.optimizer.weight_decay")["run.optimizer.weight_decay"].tolist() == [5e-4]


def test_of_many_seeds_there_are_points_and_an_interval_inside_their_own_place():
    world = MemoryWorld("run.model.width", power=2, noise=1e-3)
    figure = draw(world.draw(np.random.default_rng(0), seeds=12).tables["memory"])
    (views,) = (axes for axes in figure.axes if "views" in axes.get_ylabel())
    assert views.get_legend() is None
    shown = [(one.get_gid(), np.asarray(one.get_offsets())) for one in views.collections]
    points = [places for gid, places in shown if gid == "seed"]
    means = [places for gid, places in shown if gid == "mean of seeds"]
    assert [len(places) for places in points] == [12, 12]
    np.testing.assert_allclose([places[0, 1] for places in means], [0.15, 0.6], rtol=0.1)
    for place, (of_seeds, mean) in enumerate(zip(points, means, strict=True)):
        assert np.all(np.abs(np.vstack([of_seeds, mean])[:, 0] - place) < 0.5)
