import numpy as np
import pytest

from analysis._replays import withheld
from analysis._style import MARKERS
from analysis._tables import where
from analysis.cohort import by_moment, draw
from analysis.fading import of_cohorts
from tests.analysis.claims.measured_worlds import CohortWorld


@pytest.fixture
def table():
    """Half-lives of 1.5 epochs at factor 1, one in summed rate."""
    return CohortWorld(noise=1e-3).draw(np.random.default_rng(0), 2).tables["cohort"]


def test_all_factors_curves_are_one_against_summed_rate(table):
    found = withheld(table)
    curves = [by_moment(where(found, **{"run.factor": factor}), "rate") for factor in (1.0, 2.0)]
    at = np.linspace(0.5, 10, 10)
    values = [
        np.interp(at, curve.index.to_numpy(float), np.log(curve.to_numpy(float).mean(1).clip(1e-3)))
        for curve in curves
    ]
    np.testing.assert_allclose(*values, atol=0.15)


@pytest.mark.parametrize(("unit", "life"), [("steps", 96), ("epochs", 1.5), ("rate", 4.8)])
def test_half_lives_are_those_of_the_world_in_each_unit(table, unit, life):
    fits = where(of_cohorts(table, unit), **{"run.factor": 1.0})
    np.testing.assert_allclose(fits["half_life"], life, rtol=0.05)


def test_the_figure_has_every_unit_and_a_point_for_each_run(table):
    figure = draw(table)
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert sum("since" in label for label in labels) == 3
    below = figure.axes[3]
    runs = [line for line in below.lines if line.get_marker() in MARKERS and line.get_color() != "black"]
    points = [line.get_xdata() for line in runs]
    assert sum(len(np.atleast_1d(x)) for x in points) == 8
