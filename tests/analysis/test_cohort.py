from dataclasses import replace

import numpy as np
import pytest

from analysis._replays import withheld
from analysis._tables import where
from analysis.cohort import by_moment, draw
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


def shown(axes):
    """The half-lives that stand in a panel, and the least ones, by factor."""
    points = {bar.lines[0].get_xdata()[0]: bar.lines[0].get_ydata()[0] for bar in axes.containers}
    arrows = {
        line.get_xdata()[0]: line.get_ydata()[0] for line in axes.lines if line.get_label() == "_at least"
    }
    return points, arrows


def test_the_figure_has_every_unit_and_of_each_factor_one_half_life_or_the_least_that_it_can_be():
    world = CohortWorld(life=0.75, images=0.001)
    for life, known in ((0.75, {0.25: 3, 1: 0.75, 2: 0.375, 4: 0.1875}), (60, {})):
        table = replace(world, life=life).draw(np.random.default_rng(0), 6).tables["cohort"]
        figure = draw(table)
        assert sum("since" in axes.get_xlabel() for axes in figure.axes) == 3
        points, arrows = shown(figure.axes[3])
        assert points == pytest.approx(known, rel=0.2)
        assert set(points) | set(arrows) == {0.25, 1, 2, 4}


def test_the_intervals_have_the_error_of_images_that_are_the_same_in_all_seeds():
    def width(turns: bool) -> float:
        world = CohortWorld(life=0.5, noise=0.01, images=0.05, turns=turns)
        figure = draw(world.draw(np.random.default_rng(1), 6).tables["cohort"])
        caps = figure.axes[3].containers[1].lines[1]  # type: ignore[attr-defined]
        return float(np.log2(caps[1].get_ydata()[0] / caps[0].get_ydata()[0]))

    lost = 1 - np.exp2(-np.array([*2.0 ** np.arange(6) / 64, *range(1, 7)]) / 0.5).mean()
    error = 1.96 * np.hypot(0.05, 0.05) * lost / 0.5  # of the share kept
    assert width(turns=False) > error
    assert width(turns=False) > 1.5 * width(turns=True) or width(turns=True) > error


def test_a_factor_of_which_nothing_can_be_told_is_named():
    table = CohortWorld(memory=0.02, noise=0.5).draw(np.random.default_rng(0), 3).tables["cohort"]
    assert "any is possible: factor 1/4, 1, 2, 4" in str(draw(table).get_label())
