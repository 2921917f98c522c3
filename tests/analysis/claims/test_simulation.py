"""Each claim in worlds where it is true, where it is false, and where seeds scatter too much to say.

The third world sits on the rule's boundary, the hardest place: there every "supported" is a mistake. A few
repetitions are part of every test run; `make test-claims` has enough of them to tell 2.5% from 5%.
"""

import re
import zlib
from collections import Counter

import numpy as np
import pytest

from analysis.claims import ask, discover
from tests.analysis.claims import (
    additive_noise_worlds,
    batch_worlds,
    limit_worlds,
    measured_worlds,
    worlds,
)

CLAIMS = {claim.id: claim for claim in discover()}
WORLDS = (
    worlds.WORLDS
    | batch_worlds.WORLDS
    | measured_worlds.WORLDS
    | limit_worlds.WORLDS
    | additive_noise_worlds.WORLDS
)
STATED = worlds.STATED | batch_worlds.STATED | measured_worlds.STATED

FEW, MANY = 20, 400
MISTAKES = {FEW: 15, MANY: 5}  # percent: of few, three may be, by chance

few_or_many = pytest.mark.parametrize("times", [FEW, pytest.param(MANY, marks=pytest.mark.simulation)])
each_claim = pytest.mark.parametrize("name", WORLDS)


def shares(name: str, world: int, seeds: int, times: int) -> Counter[str]:
    """How often each verdict falls, in percent."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))  # each claim has a stream of its own
    draw = WORLDS[name][world]
    words = Counter(ask(CLAIMS[name], draw(rng, seeds)).word for _ in range(times))
    return Counter({word: 100 * count / times for word, count in words.items()})


def test_every_claim_of_this_project_has_its_worlds():
    """But for L9, L10 and L4-statistics, whose are in the tests of their figures."""
    own = {name for name in CLAIMS if re.match(r"[BCEM]\d|L[1-8]-[KSMD]$", name)}
    assert set(WORLDS | STATED) == own


@few_or_many
@each_claim
def test_a_true_claim_is_supported(name, times):
    words = shares(name, 0, 3, times)
    assert words["supported"] >= 80, words
    assert words["contradicted"] <= MISTAKES[times], words


@few_or_many
@each_claim
def test_a_false_claim_is_contradicted(name, times):
    words = shares(name, 1, 3, times)
    assert words["contradicted"] >= 80, words
    assert words["supported"] <= MISTAKES[times], words


@few_or_many
@each_claim
def test_what_is_too_noisy_to_say_is_left_open(name, times):
    words = shares(name, 2, 3, times)
    assert words["supported"] <= MISTAKES[times], words
    assert words["inconclusive"] >= 80, words


@pytest.mark.simulation
@pytest.mark.parametrize("seeds", [2, 5])
@each_claim
def test_so_it_is_with_fewer_and_with_more_seeds(name, seeds):
    words = shares(name, 2, seeds, MANY)
    assert words["supported"] <= MISTAKES[MANY], words
    # Two seeds may not show what is asked about.
    assert words["inconclusive"] + words["cannot be asked"] >= 80, words


@pytest.mark.parametrize("name", STATED)
def test_a_claim_without_a_rule_states_its_effect_with_an_interval_that_holds_it(name):
    draw, truths = STATED[name]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    verdicts = [ask(CLAIMS[name], draw(rng, 3)) for _ in range(FEW)]
    assert {verdict.word for verdict in verdicts} == {"stated"}
    for part, truth in enumerate(truths):
        found = [verdict.findings[part].interval for verdict in verdicts]
        assert sum(one.low < truth < one.high for one in found) >= FEW - 3


@each_claim
def test_no_claim_is_settled_by_one_seed(name):
    verdict = ask(CLAIMS[name], WORLDS[name][0](np.random.default_rng(0), 1))
    if verdict.word != "cannot be asked":  # as where other seeds are to choose for it
        assert verdict.word == "inconclusive"
        assert verdict.seeds_needed == 3
        assert verdict.why == "one seed has no interval"


@each_claim
def test_no_claim_is_supported_without_its_records(name):
    verdict = ask(CLAIMS[name], worlds.Evidence({}, {}))
    assert verdict.word == "not run"
    assert CLAIMS[name].needs[0] in verdict.why
