"""Each claim about batch size in worlds where it is true, where it is false, and on its rule's boundary.

As `test_simulation` does for the article's claims; on the boundary every "supported" is a mistake.
"""

from collections import Counter
from functools import partial

import numpy as np
import pytest

from analysis.claims import ask, discover
from analysis.claims._claim import ABOUT
from tests.analysis.claims import batch_worlds as make
from tests.analysis.claims.worlds import evidence

TIMES, TIMES_ON_THE_BOUNDARY = 25, 200
CLAIMS = {claim.id: claim for claim in discover() if claim.id.startswith("B")}
W = partial

WORLDS = {
    "B2": (
        W(make.scaling_rules),
        W(make.scaling_rules, none=0.0, linear=0.6),
        W(make.scaling_rules, linear=ABOUT, noise=0.2),
    ),
    "B2-sqrt": (
        W(make.scaling_rules, sqrt=0.0),
        W(make.scaling_rules, sqrt=0.6),
        W(make.scaling_rules, sqrt=ABOUT, noise=0.2),
    ),
    "B3": (
        W(make.epochs_to_target),
        W(make.epochs_to_target, more=0.6),
        W(make.epochs_to_target, equal=0.0, more=-0.8, noise=0.2),
    ),
    "B4": (W(make.throughput), W(make.throughput, odd=0.6), W(make.throughput, odd=ABOUT, noise=0.05)),
    "B5": (
        W(make.sharpness_gap),
        W(make.sharpness_gap, worse=-0.4),
        W(make.sharpness_gap, worse=0.0, noise=0.2),
    ),
    "B5-longer": (
        W(make.sharpness_gap),
        W(make.sharpness_gap, longer=0.7),
        W(make.sharpness_gap, longer=ABOUT, noise=0.2),
    ),
    "B6": (
        W(make.grow_batch, noise=0.03),
        W(make.grow_batch, grown=0.6),
        W(make.grow_batch, grown=ABOUT, noise=0.1),
    ),
    "B7": (
        W(make.optimal_batch),
        W(make.optimal_batch, size=-0.2),
        W(make.optimal_batch, size=0.5, noise=0.2),
    ),
    "B8": (W(make.accumulation), W(make.accumulation, none=0.01), W(make.accumulation, none=1e-3, noise=0.5)),
    "B9": (
        W(make.lenet, noise=0.02),
        W(make.lenet, test=(0.0, 0.3, 0.3)),
        W(make.lenet, test=(0.0, 0.0, 0.9), noise=0.2),
    ),
    "B10": (
        W(make.lr_range),
        W(make.lr_range, lowest=1.25, best=2.3),
        W(make.lr_range, lowest=2.25, best=2.25, noise=0.3),
    ),
    "B11": (W(make.policies), W(make.policies, spread=0.0), W(make.policies, spread=ABOUT, noise=0.1)),
    "B12": (
        W(make.scaling_rules),
        W(make.scaling_rules, large=-0.2),
        W(make.scaling_rules, large=ABOUT, noise=0.1),
    ),
    "B13": (
        W(make.dataset_scale),
        W(make.dataset_scale, curvature=0.8),
        W(make.dataset_scale, forgetting=0.0, noise=0.3),
    ),
}


def shares(name, world, seeds: int, times: int) -> Counter[str]:
    """How often each verdict falls, in percent."""
    rng = np.random.default_rng(20180924)
    (experiment,) = CLAIMS[name].needs
    words = Counter(ask(CLAIMS[name], evidence(**{experiment: world(rng, seeds)})).word for _ in range(times))
    return Counter({word: 100 * count / times for word, count in words.items()})


def test_every_claim_about_batch_size_has_its_worlds():
    assert set(WORLDS) == set(CLAIMS)


@pytest.mark.parametrize("name", WORLDS)
def test_a_true_claim_is_supported(name):
    words = shares(name, WORLDS[name][0], 3, TIMES)
    assert words["supported"] >= 80, words


@pytest.mark.parametrize("name", WORLDS)
def test_a_false_claim_is_contradicted(name):
    words = shares(name, WORLDS[name][1], 3, TIMES)
    assert words["contradicted"] >= 80, words
    assert words["supported"] == 0, words


@pytest.mark.parametrize("name", WORLDS)
def test_what_lies_on_the_boundary_is_left_open(name):
    words = shares(name, WORLDS[name][2], 3, TIMES_ON_THE_BOUNDARY)
    assert words["supported"] <= 5, words
    assert words["inconclusive"] >= 80, words


@pytest.mark.parametrize("name", WORLDS)
def test_no_claim_is_settled_by_one_seed(name):
    assert shares(name, WORLDS[name][0], 1, 1) == {"inconclusive": 100}


@pytest.mark.parametrize("name", sorted(set(WORLDS) - {"B4", "B13"}))
def test_no_claim_about_losses_is_supported_where_a_seed_diverged(name):
    (experiment,) = CLAIMS[name].needs
    records = WORLDS[name][0](np.random.default_rng(0), 3)
    lost = (records["seed"] == 0) & (records["kind"] == "RunConfig")
    records = records.assign(status=records["status"].where(~lost, "diverged"))
    assert ask(CLAIMS[name], evidence(**{experiment: records})).word != "supported"
