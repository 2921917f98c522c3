"""Simulated curves whose answer is known."""

import numpy as np
import pytest

from analysis.quantities import (
    FEWEST_UPDATES,
    batch_edge,
    best_factor,
    curvature_levels,
    curvature_ratio,
    flat_region,
    onset,
)

FACTORS = np.array([1 / 4, 1 / 2, 1, 2, 4, 8, 16])
CHANCE = np.log(10)
INF, NAN = np.inf, np.nan


@pytest.mark.parametrize(
    ("losses", "edge"),
    [
        # From 0.1 halfway to 2.3 is 1.2.
        ([0.5, 0.3, 0.1, 0.1, 0.2, 0.9, INF], 3 + (1.2 - 0.9) / (2.3 - 0.9)),  # diverged: as a guess
        ([0.5, 0.3, 0.1, 0.1, 0.2, 1.7, INF], 2 + (1.2 - 0.2) / (1.7 - 0.2)),  # finite, but more than halfway
        ([0.5, 0.3, 0.1, 0.1, 0.2, 50.0, INF], 2 + (1.2 - 0.2) / (2.3 - 0.2)),  # beyond a guess: as a guess
        ([2.0, 1.5, 0.1, 0.1, 0.2, 0.9, INF], 3 + (1.2 - 0.9) / (2.3 - 0.9)),  # too slow is not unstable
        ([0.5, 0.3, 0.1, 0.1, INF, 0.2, INF], 1 + 0.5),  # the lowest unstable factor counts
        (
            [1.9, 1.6, 1.3, 1.3, 1.4, 1.7, 2.1],
            3 + (1.8 - 1.7) / (2.1 - 1.7),
        ),  # slow everywhere: from its own best
        ([0.5, 0.3, 0.1, 0.1, 0.2, 0.3, 0.4], INF),  # beyond the sweep
        ([INF] * 7, NAN),
        ([2.3] * 7, NAN),
        ([0.5, 0.3, 0.1, 0.1, 0.2, NAN, INF], NAN),  # a run that there is no record of
    ],
)
def test_the_onset_is_halfway_from_the_lowest_loss_to_a_guess(losses, edge):
    np.testing.assert_allclose(onset(FACTORS, losses, 2.3, 1000), edge)


@pytest.mark.parametrize(("scale", "floor"), [(0.1, 0.0), (3.0, 5.0)])
def test_the_onset_has_no_scale(scale, floor):
    losses = np.array([0.5, 0.3, 0.1, 0.1, 0.2, 1.7, INF])
    moved = onset(FACTORS, floor + scale * losses, floor + scale * 2.3, 1000)
    assert moved == pytest.approx(onset(FACTORS, losses, 2.3, 1000))


def test_few_updates_have_no_onset():
    losses = [0.5, 0.3, 0.1, 0.1, 0.2, 0.9, INF]
    assert np.isnan(onset(FACTORS, losses, CHANCE, FEWEST_UPDATES - 1))
    assert np.isfinite(onset(FACTORS, losses, CHANCE, FEWEST_UPDATES))


def test_a_curvature_ratio_is_of_means_with_an_error_that_holds_it():
    random = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        gains = random.gamma(4, 0.25, 16)
        found = curvature_ratio(gains, 0.3 * gains * random.gamma(9, 1 / 9, 16))
        held += abs(found.value - 0.3) < 2.13 * found.error  # Student's t of 15 degrees
        assert found.low < found.high
    assert 360 <= held <= 395  # 380 expected


def test_a_batch_that_gains_nothing_does_not_swamp_the_curvature_ratio():
    gains = np.append(np.ones(15), 1e-6)
    assert curvature_ratio(gains, np.full(16, 0.3)).value == pytest.approx(0.3 * 16 / 15, rel=1e-3)


def test_fewer_than_sixteen_batches_have_no_curvature_ratio():
    assert np.isnan(curvature_ratio(np.ones(15), np.ones(15)).value)
    assert curvature_ratio(np.ones(15), np.ones(15)).batches == 15


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.5, False), (0.9, False), (0.9, True)])
def test_the_upper_curvature_level_is_where_a_quadratic_turns_unstable(momentum, nesterov):
    """SGD on x^2 / 2 where half of rate x sharpness is a little less than the level, and a little more."""
    _, level = curvature_levels(momentum, nesterov)
    for share, stable in ((0.98, True), (1.02, False)):
        rate, x, velocity = 2 * level * share, 1.0, 0.0
        for _ in range(2000):
            velocity = momentum * velocity + x
            x -= rate * (x + momentum * velocity if nesterov else velocity)
            if abs(x) > 1e6:
                break
        assert (abs(x) < 1) == stable


def test_the_curvature_levels_are_those_of_momentum():
    assert curvature_levels(0.0, False) == (1, 1)  # plain gradient descent's
    assert curvature_levels(0.9, False) == pytest.approx((0.1, 1.9))  # half of 2(1-b) and of 2(1+b)


@pytest.mark.parametrize("vertex", [-0.4, 0.0, 0.3, 1.2, 2.5])
def test_the_best_factor_of_a_parabola_is_its_vertex(vertex):
    losses = 0.4 + 0.3 * (np.log2(FACTORS) - vertex) ** 2
    estimate, low, high = best_factor(FACTORS, losses)
    assert estimate == pytest.approx(vertex)
    assert low <= vertex <= high
    assert high - low == 2


def test_the_best_factor_on_uneven_factors():
    factors = np.array([0.5, 1, 1.5, 4])
    assert best_factor(factors, (np.log2(factors) - 0.4) ** 2)[0] == pytest.approx(0.4)


def test_the_best_factor_beside_a_diverged_one_is_the_point_itself():
    assert best_factor(FACTORS, [3, 2.5, 2, 1.5, 1.0, 0.7, INF]) == (3, 2, 4)


@pytest.mark.parametrize(
    "losses",
    [
        [1, 2, 3, 4, 5, 6, 7],
        [7, 6, 5, 4, 3, 2, 1],
        [INF] * 7,
        [3, 2, 1, NAN, 1, 2, 3],
    ],
)
def test_there_is_no_best_factor_at_the_sweeps_end_or_with_a_missing_run(losses):
    assert np.isnan(best_factor(FACTORS, losses)).all()


def test_the_best_of_two_equal_losses_lies_between_them():
    assert best_factor(FACTORS, [3, 2, 1, 1, 2, 3, 4])[0] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("losses", "region"),
    [
        # Lowest 0: the ceiling is 0.1 where a guess has 1. Straight lines cross it halfway.
        ([1, 0.2, 0, 0, 0.2, 1, INF], (-0.5, 1.5)),
        ([0, 0, 0, 0, 0, 0, 0], (-2, 4)),  # ends at the sweep's
        ([1, 1, 0, 0, INF, 1, INF], (-0.1, 1)),  # never towards a diverged one
        ([1, 1, 0, 0.2, 0, 0, 0], (-0.1, 0.5)),  # flat again beyond a ridge is not the same region
        ([1, 1, NAN, 1, 1, 1, 1], (NAN, NAN)),
        ([INF] * 7, (NAN, NAN)),
        ([1] * 7, (NAN, NAN)),  # nowhere better than a guess
    ],
)
def test_the_flat_region_is_as_wide_as_it_was_made(losses, region):
    np.testing.assert_allclose(flat_region(FACTORS, losses, chance=1.0), region)


def test_a_parabola_is_flat_within_a_tenth_of_the_gain():
    factors = 2.0 ** np.arange(-4, 4.01, 0.01)
    losses = 0.2 + 0.05 * (np.log2(factors) - 0.3) ** 2
    np.testing.assert_allclose(flat_region(factors, losses, chance=2.2), (-1.7, 2.3), atol=0.01)


def test_of_no_factor_nothing_is_said():
    assert np.isnan(onset([], [], 2.3, 1000))
    assert np.isnan(best_factor([], [])).all()
    assert np.isnan(flat_region([], [], 2.3)).all()


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_the_edge_of_batches_lies_between_that_of_small_ones_and_the_whole_loss(momentum, nesterov):
    whole = 2 * (1 + momentum) / ((1 + 2 * momentum) if nesterov else 1)
    assert batch_edge(0, momentum, nesterov) == pytest.approx(whole, rel=1e-3)
    assert batch_edge(1e4, momentum, nesterov) == pytest.approx(2 * (1 - momentum), rel=0.01)


def test_errors_grow_above_the_edge_of_batches_and_shrink_below():
    """Curvatures 1 plus or minus 1: Nesterov's steps themselves, in the mean of many errors."""
    momentum, rng = 0.9, np.random.default_rng(0)
    edge = batch_edge(1.0, momentum, nesterov=True) / 2  # the rate, batch sharpness being 2
    sizes = []
    for rate in (0.8 * edge, 1.2 * edge):
        error, velocity = np.ones(200_000), np.zeros(200_000)
        for _ in range(40):
            step = rate * rng.choice([0.0, 2.0], error.shape)
            velocity = momentum * velocity + step * error
            error = error - step * error - momentum * velocity
        sizes.append((error**2).mean())
    assert sizes[0] < 1 < sizes[1]
