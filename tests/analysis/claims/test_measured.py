"""The claims about measurements in worlds where each is true, false, or too noisy to say."""

from collections import Counter

import numpy as np
import pytest

from analysis.claims import ask, discover
from tests.analysis.claims.measured_worlds import (
    EdgeWorld,
    EventsWorld,
    InterventionWorld,
    MeasuredWorld,
    MemoryWorld,
    NoiseWorld,
)

TIMES = 200
CLAIMS = {claim.id: claim for claim in discover()}


def memory(field: str, true: float) -> tuple[MemoryWorld, MemoryWorld, MemoryWorld]:
    """A half-life that is moved as the claim says, the other way, and not at all."""
    return MemoryWorld(field, true), MemoryWorld(field, -true), MemoryWorld(field, noise=0.5)


WORLDS: dict[str, tuple[MeasuredWorld, MeasuredWorld, MeasuredWorld]] = {
    "B1": (NoiseWorld(), NoiseWorld(batch=-0.7), NoiseWorld(batch=-0.9, noise=0.1)),
    "E1": (EdgeWorld(), EdgeWorld(hover=-1.5), EdgeWorld(hover=0.585, noise=0.4)),
    "E2": (EdgeWorld(), EdgeWorld(large=-3), EdgeWorld(small=1, noise=0.5)),
    "M1": memory("run.model.width", 2),
    "M2": memory("run.factor", -2),
    "M3": memory("run.weight_decay", -2),
    "M4": (EventsWorld(), EventsWorld(growth=-1), EventsWorld(growth=0, noise=0.5)),
    "M4-number": (EventsWorld(), EventsWorld(never=0.5), EventsWorld(never=0.263, noise=0.5)),
    "M5": (InterventionWorld(), InterventionWorld(window=0.1), InterventionWorld(window=0, noise=0.2)),
    "M6": (InterventionWorld(), InterventionWorld(trace=0.2), InterventionWorld(trace=0.05, noise=0.1)),
}


def shares(name: str, world: MeasuredWorld, seeds: int) -> Counter[str]:
    """How often each verdict falls, in percent."""
    rng = np.random.default_rng(20181102)
    words = Counter(ask(CLAIMS[name], world.draw(rng, seeds)).word for _ in range(TIMES))
    return Counter({word: 100 * count / TIMES for word, count in words.items()})


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


@pytest.mark.parametrize("name", WORLDS)
def test_what_is_too_noisy_to_say_is_left_open(name):
    words = shares(name, WORLDS[name][2], seeds=3)
    assert words["supported"] <= 5, words
    assert words["inconclusive"] >= 80, words
