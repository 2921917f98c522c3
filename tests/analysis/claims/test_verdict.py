"""Verdicts, and what never is one: one seed, no records, nothing but divergence."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.claims import Claim, Part, ask, discover
from analysis.claims._interval import half_width, interval
from analysis.claims._verdict import judge, seeds_to_settle
from research.errors import InvalidInput
from tests.analysis.claims import batch_worlds, measured_worlds, worlds
from tests.analysis.claims.worlds import ABOUT, WORLDS, Evidence, evidence

ABOVE = Part("effect", lambda evidence: pd.Series([1.0]), low=0)
CLAIMS = [claim for claim in discover() if claim.id in WORLDS or claim.id == "C1"]
EVERY = {
    name: drawn[0]
    for of in (worlds, batch_worlds, measured_worlds)
    for name, drawn in (of.WORLDS | of.STATED).items()
}


def claim(*parts: Part) -> Claim:
    return Claim("X", "it is so", "here", ("lr_sweep",), parts)


def giving(*values: float, low=0.0, high=math.inf) -> Part:
    return Part("effect", lambda evidence: pd.Series(values), low, high)


RECORDS = evidence(lr_sweep=pd.DataFrame({"value": [1.0]}))


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ((1.0, 1.1, 0.9), "supported"),
        ((-1.0, -1.1, -0.9), "contradicted"),
        ((0.1, -0.1, 0.3), "inconclusive"),
        ((1.0,), "inconclusive"),
        ((), "cannot be asked"),
        ((np.nan, np.inf), "cannot be asked"),
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
    records = EVERY[one.id](np.random.default_rng(0), 3)
    tables = {}
    for name, table in records.tables.items():
        lost = pd.Series(True, index=table.index)
        if which == "one":
            seed = table["seed"].fillna(table["run.seed"]) if "run.seed" in table else table["seed"]
            lost = seed == 0
        runs = table.assign(status=table["status"].where(~lost, "diverged"), epoch=table["epoch"])
        # A replay needs its run's last state: there is none of a run that diverged.
        tables[name] = runs[~(lost & table["run.seed"].notna())] if "run.seed" in table else runs
    assert ask(one, evidence(**tables)).word in {"inconclusive", "cannot be asked"}


@pytest.mark.parametrize(
    ("first", "second"), [({}, {"data": "digits"}), ({"fingerprint": "cats"}, {"fingerprint": "birds"})]
)
def test_records_of_different_data_are_not_put_together(first, second):
    (one,) = (claim for claim in CLAIMS if claim.id == "C1")
    records = EVERY["C1"](np.random.default_rng(0), 3)
    abouts = {"train": ABOUT | first, "lr_sweep": ABOUT | second}
    verdict = ask(one, replace(records, abouts=abouts))
    assert verdict.word == "cannot be asked"
    (fact,) = second
    values = f"train of {(ABOUT | first)[fact]}, lr_sweep of {second[fact]}"
    assert verdict.why == f"the records are of different {fact}: {values}"


@pytest.mark.parametrize("where", ["config", "records"])
def test_two_data_sets_under_one_label_are_not_asked_of(where):
    """Whether the config says which file it was, or only the rows do; also if the claim needs one of them."""
    (one,) = (claim for claim in CLAIMS if claim.id == "C2")
    records = WORLDS["C2"][0](np.random.default_rng(0), 3)
    tables, abouts = {**records.tables}, {}
    for name, fingerprint in (("lr_sweep", "a" * 64), ("forgetting", "b" * 64)):
        table = tables.get(name, pd.DataFrame({"value": [1.0]}))
        tables[name] = table.assign(**{"data.fingerprint": fingerprint if where == "records" else None})
        data = ABOUT["config"]["base"]["data"] | {"fingerprint": fingerprint if where == "config" else ""}
        abouts[name] = ABOUT | {"config": {"base": {"data": data}}}
    verdict = ask(one, Evidence(tables, abouts))
    assert verdict.word == "cannot be asked"
    assert verdict.why == (
        f"the records are of different fingerprint: lr_sweep of {'a' * 12}, forgetting of {'b' * 12}"
    )


@pytest.mark.parametrize("where", ["two experiments", "one experiment", "measured runs"])
def test_no_verdict_is_on_seeds_that_explore_and_on_seeds_that_confirm(where):
    (one,) = (claim for claim in CLAIMS if claim.id == "C2")
    sweep = WORLDS["C2"][0](np.random.default_rng(0), 3).tables["lr_sweep"]
    confirming = sweep.assign(seed=sweep["seed"] + 100)
    assert ask(one, Evidence({"lr_sweep": confirming}, {"lr_sweep": ABOUT})).word == "supported"
    tables = {
        "two experiments": {"lr_sweep": confirming, "forgetting": sweep},
        "one experiment": {"lr_sweep": pd.concat([sweep, confirming])},
        "measured runs": {"lr_sweep": confirming, "noise": pd.DataFrame({"run.seed": [0.0]})},
    }[where]
    mixed = Evidence(tables, dict.fromkeys(tables, ABOUT))
    verdict = ask(one, mixed)
    assert verdict.word == "cannot be asked"
    assert verdict.why.startswith("the records are of different phase: ")
    assert "exploration" in verdict.why
    assert "confirmation" in verdict.why
    assert mixed.phase == "confirmation and exploration"


def test_a_hair_is_no_verdict():
    """The interval's end must clear the rule's by a tenth of its half-width."""
    values = np.array([0.9, 1.0, 1.1])
    half = half_width(3, 0.1)
    for spare, word in ((0.09, "inconclusive"), (0.11, "supported")):
        shifted = values - 1 + half * (1 + spare)
        assert judge(ABOVE, interval(shifted)).word == word
        assert judge(ABOVE, interval(-shifted)).word == ("contradicted" if word == "supported" else word)
    for beyond in (half * 1.05, -half * 1.05):
        verdict = ask(claim(giving(*(values - 1 + beyond))), RECORDS)
        assert verdict.why.startswith("by a hair: an interval's end lies within a tenth of its half-width")
    assert not ask(claim(giving(*(values - 1))), RECORDS).why.startswith("by a hair")


def test_a_part_without_a_region_states_its_effect_and_has_no_say():
    stated = giving(1.0, 1.1, low=-math.inf)
    assert stated.region == "none"
    assert ask(claim(stated), RECORDS).word == "stated"
    assert ask(claim(giving(1.0, low=-math.inf)), RECORDS).word == "inconclusive"  # no interval to state
    assert ask(claim(stated, giving(1.0, 1.1)), RECORDS).word == "supported"
    assert ask(claim(stated, giving(-1.0, -1.1)), RECORDS).word == "contradicted"
    assert ask(claim(stated, giving(np.nan, np.nan)), RECORDS).word == "cannot be asked"


DEGENERATE = ("all diverged", "one seed", "one factor", "missing run", "no measurement", "nothing")


def degenerate(tables: dict[str, pd.DataFrame], how: str) -> dict[str, pd.DataFrame]:
    """The tables with what would have been there, had things gone wrong."""
    return {name: _degenerate(table, how) for name, table in tables.items()}


def _degenerate(table: pd.DataFrame, how: str) -> pd.DataFrame:
    trained = (table["kind"] == "RunConfig").to_numpy()
    if how == "all diverged":  # and so nothing was measured
        return table.loc[trained].assign(status="diverged", value=np.nan)
    if how == "one factor":
        factors = _of_run(table, "factor")
        return table.loc[np.isnan(factors) | (factors == np.nanmin(factors, initial=np.inf))]
    if how == "missing run":
        sizes = _of_run(table, "batch_size")
        largest = (sizes == np.nanmax(sizes, initial=0)) | ~trained
        return table.loc[~((_of_run(table, "seed") == 0) & largest)]
    if how == "no measurement":
        return table.loc[trained]
    return table.iloc[:0] if how == "nothing" else table


def _of_run(table: pd.DataFrame, field: str) -> np.ndarray:
    """A field of the run that each row is of, or that was measured; NaN where it has none."""
    columns = [table[name] for name in (field, f"run.{field}") if name in table]
    found = np.full(len(table), np.nan)
    for column in columns:
        found = np.where(np.isnan(found), column.to_numpy(float), found)
    return found


@pytest.mark.parametrize("how", DEGENERATE)
@pytest.mark.parametrize("name", EVERY)
def test_every_claim_has_a_verdict_on_degenerate_records(name, how):
    one = next(claim for claim in discover() if claim.id == name)
    records = EVERY[name](np.random.default_rng(0), 1 if how == "one seed" else 3)
    verdict = ask(one, evidence(**degenerate(dict(records.tables), how)))
    assert "cannot be had" not in verdict.why  # the net for a claim that is under way
    assert "\n" not in verdict.why
    if how in ("all diverged", "one seed", "nothing"):
        assert verdict.word in {"inconclusive", "cannot be asked"}
        assert verdict.why
    if how == "nothing":
        assert verdict.word == "cannot be asked"


def test_records_too_old_to_say_the_number_of_classes_are_not_asked():
    (one,) = (claim for claim in CLAIMS if claim.id == "C2")
    records = WORLDS["C2"][0](np.random.default_rng(0), 3)
    about = ABOUT | {"config": {"base": {"data": {"name": "mine.npz"}}}}
    verdict = ask(one, replace(records, abouts={"lr_sweep": about}))
    assert verdict.word == "cannot be asked"
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
    assert not number.asked_of("desk", "cifar10")  # 94% is of the article's network


def test_numbers_of_the_articles_sizes_are_asked_of_the_desk_in_its_own_factors():
    of_desk = {one.id: one for one in discover() if "desk" in one.presets}
    assert set(of_desk) == {"C2-number", "C4-distance", "C5-number", "C7-number"}
    assert all(one.asked_of("desk", "CIFAR-10 (JPEG)") for one in of_desk.values())
    assert all("factor" in one.note for one in of_desk.values())


def test_ids_are_unique_and_every_rule_has_its_reason():
    assert len({one.id for one in discover()}) == len(discover())
    for one in discover():
        assert all(part.reason for part in one.parts), one.id


def test_a_region_has_an_end_and_an_inside():
    with pytest.raises(InvalidInput, match="low is 1: must be below high"):
        Part("effect", ABOVE.effect, low=1, high=0)


def test_without_the_number_of_classes_there_is_no_chance_level():
    about = ABOUT | {"config": {"base": {"data": {"name": "mine.npz"}}}}
    with pytest.raises(InvalidInput, match="classes is None: is not in these records"):
        _ = Evidence({}, {"lr_sweep": about}).chance
    assert Evidence({}, {"lr_sweep": about | {"classes": 3}}).chance == math.log(3)
