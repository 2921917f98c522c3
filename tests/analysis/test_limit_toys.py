"""The battery names what limits four toys of which it is known, and nothing where too little is."""

from collections import Counter
from functools import cache

import numpy as np
import pandas as pd
import pytest

from analysis import limit, toys
from analysis.claims import Evidence
from analysis.claims.limit import MECHANISMS

SEEDS = 8  # of one battery
FEW, MANY = 6, 200
ENOUGH = {FEW: 0.8, MANY: 0.95}

each_toy = pytest.mark.parametrize("who", MECHANISMS)
few_or_many = pytest.mark.parametrize("times", [FEW, pytest.param(MANY, marks=pytest.mark.simulation)])


def batteries(who: str, times: int, noise: float) -> list[Evidence]:
    """So many batteries, simulated side by side and taken apart by their seeds."""
    pool = toys.simulate(who, np.random.default_rng(ord(who)), SEEDS * times, noise)
    return [Evidence({n: _of(t, i) for n, t in pool.tables.items()}, pool.abouts) for i in range(times)]


def _of(table: pd.DataFrame, index: int) -> pd.DataFrame:
    seed = table["seed"].fillna(table["run.seed"]) if {"seed", "run.seed"} <= set(table) else None
    if seed is None:
        seed = table["seed" if "seed" in table else "run.seed"]
    return table.loc[seed // SEEDS == index].reset_index(drop=True)


@cache
def words(who: str, times: int, noise: float = 0.0) -> list[pd.DataFrame]:
    return [limit.table(limit.verdicts(one)) for one in batteries(who, times, noise)]


@few_or_many
@each_toy
def test_the_battery_names_what_limits_a_toy(who, times):
    named = Counter(limit.limits(one) for one in words(who, times))
    assert named[who] >= ENOUGH[times] * times, named


@few_or_many
@each_toy
def test_no_experiment_is_against_what_limits_a_toy(who, times):
    wrong = sum((one[who] == "against it").any() for one in words(who, times))
    assert wrong <= 0.05 * times + 1, wrong


@few_or_many
@each_toy
def test_where_losses_are_too_noisy_the_battery_cannot_tell(who, times):
    """Every loss is off by a nat, of the 2.3 that lie between a guess and none.

    That breaks K's toy by nearly as much: there additive noise alone may still name it, and rightly.
    """
    named = Counter(limit.limits(one) for one in words(who, times, noise=1.0))
    assert sum(named[other] for other in MECHANISMS if other != who) <= 0.05 * times, named
    assert named[limit.OPEN] + (named[who] if who == "K" else 0) >= ENOUGH[times] * times, named


def test_single_batches_turn_unstable_where_the_closed_form_says():
    """Inputs of d signs, B of them: the mean square grows above a rate of 2 / (1 + (d - 1) / B)."""
    rng, d = np.random.default_rng(0), 8
    problem = toys.Linear(rng, 200, [1.0] * d, images=512)
    for batch in (1, 4, 16):
        edge = 2 / (1 + (d - 1) / batch)
        rates = edge * np.array([0.7, 1.4])
        factors = rates / (batch * toys.UNIT)
        order = [np.tile(rng.permutation(512), (200, 1)) for _ in range(2)]
        ends = problem.train(problem.start(factors), toys.Stage(order), batch, factors)
        below, above = (problem.truth[:, None] - ends.now).transpose(1, 0, 2)
        assert (below**2).sum(-1).mean() < (problem.truth**2).sum(-1).mean()
        assert (above**2).sum(-1).mean() > (problem.truth**2).sum(-1).mean()


def test_label_noise_scatters_the_weights_as_the_closed_form_says():
    """In expectation over long runs at small rates: rate / batch x variance of the labels x d / 4."""
    rng, batch, factor = np.random.default_rng(0), 4, 0.5
    problem = toys.Linear(rng, 400, [1.0] * 4, label_noise=1.0, images=8192)
    order = [np.tile(rng.permutation(8192), (400, 1))]
    ends = problem.train(problem.start(np.array([factor])), toys.Stage(order), batch, np.array([factor]))
    excess = (problem.test(ends.now) / problem.scale - 0.5).mean()
    rate = factor * batch * toys.UNIT
    assert excess == pytest.approx(rate / batch * 4 / 4, rel=0.15)


def test_noise_at_a_snapshot_has_the_edge_of_a_small_batch_where_it_is_taken_anew_and_none_where_held():
    """Inputs of 8 signs in batches of 4: E goes to r v / (2 - r) E with v = 7/4, and the edge is at 8/11."""
    rng, batch, times, edge = np.random.default_rng(0), 4, 16, 8 / 11
    problem = toys.Linear(rng, 400, [1.0] * 8, images=512)
    factors = edge * np.array([0.7, 1.5]) / (batch * toys.UNIT)
    squares = {}
    for held in (False, True):
        weights, snapshot = problem.start(factors), problem.start(factors).now
        for _ in range(10):
            snapshot = snapshot if held else weights.now
            order = [rng.permuted(np.tile(np.arange(512), (400, 1)), axis=1) for _ in range(8)]
            weights = problem.train(weights, toys.Stage(order, times=times, noise=snapshot), batch, factors)
        squares[held] = ((problem.truth[:, None] - weights.now) ** 2).sum(-1).mean(0)
    start = (problem.truth**2).sum(-1).mean()
    gain = edge * np.array([0.7, 1.5]) * 7 / 4 / (2 - edge * np.array([0.7, 1.5]))
    np.testing.assert_allclose(squares[True] / start, gain, rtol=0.25)
    np.testing.assert_allclose(np.log(squares[False] / start) / 10, np.log(gain), atol=0.25)


def test_a_mechanism_is_named_only_where_the_others_are_out():
    table = pd.DataFrame("says nothing", [0, 1], list(MECHANISMS))
    assert limit.limits(table) == limit.OPEN
    table.loc[0, ["K", "S", "D"]] = "against it"
    assert limit.limits(table) == limit.OPEN  # M is left, but nothing came out as it predicts
    table.loc[1, "M"] = "as predicted"
    assert limit.limits(table) == "M"
    table.loc[0, "M"] = "against it"
    assert limit.limits(table) == limit.NONE
