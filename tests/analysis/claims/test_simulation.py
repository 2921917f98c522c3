"""Each claim in worlds where it is true, where it is false, and where seeds scatter too much to say.

The third world sits on the rule's boundary, the hardest place: there every "supported" is a mistake.
"""

from collections import Counter

import numpy as np
import pytest

from analysis.claims import ask, discover
from tests.analysis.claims.worlds import (
    AccuracyWorld,
    ForgettingWorld,
    SweepWorld,
    World,
    repeat,
)

TIMES = 200
TIMES_ON_THE_BOUNDARY = 400  # a rate of 2.5% is to be told from one of 5%
CLAIMS = {claim.id: claim for claim in discover()}
# A recovery time of half an epoch: the newest bin stands at 1/16 epoch, and a quarter of what it has is left.
HALF_EPOCH = (0.5 - 1 / 16) / np.log(4)

WORLDS: dict[str, tuple[World, World, World]] = {
    "C1": (AccuracyWorld(), AccuracyWorld(large=0.9), AccuracyWorld(large=0.935, noise=0.02)),
    "C1-number": (AccuracyWorld(), AccuracyWorld(large=0.93), AccuracyWorld(large=0.94, noise=0.01)),
    "C2": (SweepWorld(), SweepWorld(onset=1.3, onset_growth=3), SweepWorld(onset_growth=-1, noise=0.5)),
    "C2-number": (SweepWorld(onset=3.4), SweepWorld(onset=1.2, onset_fall=1), SweepWorld(onset=2, noise=0.5)),
    "C3": (
        SweepWorld(best=0, best_growth=0),
        SweepWorld(curvature=0.6, best_growth=0),
        SweepWorld(best=-0.4, best_growth=0, noise=0.5),
    ),
    "C4": (
        SweepWorld(best=2.9, best_growth=-2),
        SweepWorld(best=0, best_growth=1),
        SweepWorld(best=3, best_growth=0, noise=0.5),
    ),
    "C4-number": (
        SweepWorld(best=1, best_growth=-1),
        SweepWorld(best=2, best_growth=0),
        SweepWorld(best=1, best_growth=0, noise=0.5),
    ),
    "C5": (
        SweepWorld(onset=3.6, best=0.2, best_growth=0),
        SweepWorld(onset=3.6, best_fall=2, best=1, best_growth=0),
        SweepWorld(onset=3.6, best=1, best_growth=0, best_fall=1, noise=0.5),
    ),
    "C5-number": (SweepWorld(onset=3.4), SweepWorld(onset_fall=0), SweepWorld(onset_fall=1.4, noise=0.5)),
    "C6": (
        ForgettingWorld(noise=0.03),
        ForgettingWorld(ratio=(0.6, 0)),
        ForgettingWorld(ratio=(0.223, 0), noise=0.3),
    ),
    "C7": (
        ForgettingWorld(),
        ForgettingWorld(memory=(50, 50)),
        ForgettingWorld(strength=0, noise=0.5),
    ),
    "C7-number": (
        ForgettingWorld(),
        ForgettingWorld(memory=(1.0, 3.0)),
        ForgettingWorld(memory=(HALF_EPOCH, 3.0), noise=0.5),
    ),
    "C8": (
        ForgettingWorld(),
        ForgettingWorld(ratio=(0, -0.6)),
        ForgettingWorld(strength=0, noise=0.5),
    ),
}


def shares(name: str, world: World, seeds: int, times: int = TIMES) -> Counter[str]:
    """How often each verdict falls, in percent."""
    words = Counter(ask(CLAIMS[name], evidence).word for evidence in repeat(world, seeds, times))
    return Counter({word: 100 * count / times for word, count in words.items()})


def test_every_claim_of_the_article_has_its_worlds():
    assert set(WORLDS) == {name for name in CLAIMS if name.startswith("C")}


@pytest.mark.parametrize("name", WORLDS)
def test_a_true_claim_is_supported(name):
    words = shares(name, WORLDS[name][0], seeds=3)
    assert words["supported"] >= 80, words
    assert words["contradicted"] <= 5, words


@pytest.mark.parametrize("name", WORLDS)
def test_a_false_claim_is_contradicted(name):
    words = shares(name, WORLDS[name][1], seeds=3)
    assert words["contradicted"] >= 80, words
    assert words["supported"] <= 5, words


@pytest.mark.parametrize("seeds", [2, 5])
@pytest.mark.parametrize("name", WORLDS)
def test_what_is_too_noisy_to_say_is_left_open(name, seeds):
    words = shares(name, WORLDS[name][2], seeds, TIMES_ON_THE_BOUNDARY)
    assert words["supported"] <= 5, words
    assert words["inconclusive"] >= 80, words
