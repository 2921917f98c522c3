"""Verdicts, and what never is one: one seed, no records, nothing but divergence."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.claims import Claim, Part, ask, discover
from analysis.claims._interval import interval
from analysis.claims._verdict import judge, seeds_to_settle
from research.errors import InvalidInput
from tests.analysis.claims.worlds import ABOUT, WORLDS, Evidence, evidence

ABOVE = Part("effect", lambda evidence: pd.Series([1.0]), low=0)
CLAIMS = [claim for claim in discover() if claim.id in WORLDS]


def claim(*parts: Part) -> Claim:
    return Claim("X", "it is so", "here", ("lr_sweep",), parts)


def giving(*values: float, low=0.0, high=math.inf) -> Part:
    return Part("effect", lambda evidence: pd.Series(values), low, high)


RECORDS = evidence(lr_sweep=pd.DataFrame())


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ((1.0, 1.1, 0.9), "supported"),
        ((-1.0, -1.1, -0.9), "contradicted"),
        ((0.1, -0.1, 0.3), "inconclusive"),
        ((1.0,), "inconclusive"),
        ((), "inconclusive"),
        ((1.0, 1.1, np.nan), "inconclusive"),
        ((1.0, 1.1, np.inf), "inconclusive"),
    ],
)
def test_the_rule(values, word):
    assert ask(claim(giving(*values)), RECORDS).word == word


def test_all_parts_are_needed_and_one_is_enough_against():
    yes, no, open_ = giving(1, 1.1), giving(-1, -1.1), giving(5, -5)
    assert ask(claim(yes, yes), RECORDS).word == "supported"
    assert ask(claim(yes, open_), RECORDS).word == "inconclusive"
    assert ask(claim(yes, open_, no), RECORDS).word == "contradicted"


def test_an_equivalence_needs_the_whole_interval_inside():
    assert ask(claim(giving(0.1, 0.2, low=-1, high=1)), RECORDS).word == "supported"
    assert ask(claim(giving(0.1, 0.9, low=-1, high=1)), RECORDS).word == "inconclusive"
    assert ask(claim(giving(3.1, 3.2, low=-1, high=1)), RECORDS).word == "contradicted"


@pytest.mark.parametrize("one", CLAIMS, ids=lambda one: one.id)
@pytest.mark.parametrize("which", ["all", "one"])
def test_no_claim_about_losses_is_supported_where_runs_diverged(one, which):
    """Of all runs, or of one seed's: then the others are what happened to come out well."""
    records = WORLDS[one.id][0](np.random.default_rng(0), 3)
    tables = {}
    for name, table in records.tables.items():
        lost = pd.Series(True, index=table.index)
        if which == "one":
            seed = table["seed"].fillna(table["run.seed"]) if "run.seed" in table else table["seed"]
            lost = seed == 0
        runs = table.assign(status=table["status"].where(~lost, "diverged"), epoch=table["epoch"])
        # A replay needs its run's last state: there is none of a run that diverged.
        tables[name] = runs[~(lost & table["run.seed"].notna())] if "run.seed" in table else runs
    assert ask(one, evidence(**tables)).word == "inconclusive"


@pytest.mark.parametrize(
    ("first", "second"), [({}, {"data": "digits"}), ({"fingerprint": "cats"}, {"fingerprint": "birds"})]
)
def test_records_of_different_data_are_not_put_together(first, second):
    (one,) = (claim for claim in CLAIMS if claim.id == "C1")
    records = WORLDS["C1"][0](np.random.default_rng(0), 3)
    abouts = {"train": ABOUT | first, "lr_sweep": ABOUT | second}
    verdict = ask(one, replace(records, abouts=abouts))
    assert (verdict.word, verdict.why) == (
        "not run",
        "the records it needs are of different data or presets",
    )


def test_records_too_old_to_say_the_number_of_classes_are_not_asked():
    (one,) = (claim for claim in CLAIMS if claim.id == "C2")
    records = WORLDS["C2"][0](np.random.default_rng(0), 3)
    about = ABOUT | {"config": {"base": {"data": {"name": "mine.npz"}}}}
    verdict = ask(one, replace(records, abouts={"lr_sweep": about}))
    assert verdict.word == "not run"
    assert "run the experiment's command again" in verdict.why


def test_power_is_what_a_simulation_finds():
    rng = np.random.default_rng(1)
    needed = seeds_to_settle(ABOVE, interval([0.0, 1.0]))  # mean 0.5, deviation 0.71
    assert needed is not None
    for seeds, enough in ((needed, True), (needed // 2, False)):
        words = [judge(ABOVE, interval(rng.normal(0.5, 0.7071, seeds))).word for _ in range(2000)]
        assert (np.mean([word == "supported" for word in words]) > 0.75) == enough


def test_seeds_do_not_settle_what_lies_on_the_boundary_or_is_undefined():
    assert seeds_to_settle(ABOVE, interval([-1.0, 1.0])) is None
    assert seeds_to_settle(ABOVE, interval([np.nan, 1.0])) is None
    on_the_grid = replace(ABOVE, high=1.0)
    assert seeds_to_settle(on_the_grid, interval([0.9, 0.9], resolution=0.475)) is None


def test_a_claim_asks_for_its_own_presets_and_data():
    (number,) = (one for one in CLAIMS if one.id == "C1-number")
    assert number.asked_of("paper", "CIFAR-10 (JPEG)")
    assert number.asked_of("paper", "cifar10")
    assert not number.asked_of("paper", "cifar100")
    assert not number.asked_of("quick", "cifar10")


def test_ids_are_unique_and_every_rule_has_its_reason():
    assert len({one.id for one in discover()}) == len(discover())
    for one in discover():
        assert all(part.reason for part in one.parts), one.id


def test_a_region_has_an_end_and_an_inside():
    with pytest.raises(InvalidInput, match="low is 1: must be below high"):
        Part("effect", ABOVE.effect, low=1, high=0)
    with pytest.raises(InvalidInput, match="one end must be finite"):
        Part("effect", ABOVE.effect)


def test_without_the_number_of_classes_there_is_no_chance_level():
    about = ABOUT | {"config": {"base": {"data": {"name": "mine.npz"}}}}
    with pytest.raises(InvalidInput, match="classes is None: is not in these records"):
        _ = Evidence({}, {"lr_sweep": about}).chance
    assert Evidence({}, {"lr_sweep": about | {"classes": 3}}).chance == math.log(3)
