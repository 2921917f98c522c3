"""C2, C4, C5, C7 and C8 where the rules before were fooled, and C1, whose rule had its end at the truth.

Each test keeps the formula of the rule that was there before, and a world in which it is fooled.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis._tables import where
from analysis.claims._forgetting import log_ratio
from analysis.claims._interval import interval
from analysis.claims._sweep import ONE_ONSET, TWO_ONSETS, sweep
from analysis.claims._verdict import ask, judge
from analysis.claims.article import C1, C5, C8, half_costs
from analysis.quantities import best_factor
from tests.analysis.claims.old_rules import now, word
from tests.analysis.claims.worlds import (
    ABOUT,
    AccuracyWorld,
    Evidence,
    ForgettingWorld,
    SweepWorld,
    draw,
    evidence,
)

SEEDS = 5


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def unstable_below_half_of_chance(factors, losses, chance):
    """The onset as it was: halfway between two factors of the grid, at an absolute level of the loss."""
    log2, unstable = np.log2(factors), losses > chance / 2
    lowest = int(np.argmin(losses))
    above = np.flatnonzero(unstable[lowest:])
    if unstable.all():
        return np.nan, np.nan
    if not len(above):
        return np.inf, np.inf
    edge = lowest + above[0]
    return (log2[edge - 1] + log2[edge]) / 2, log2[edge - 1]


def old_onsets(runs, batch, which=0):
    curves = runs.train[batch]
    return np.array(
        [[unstable_below_half_of_chance(runs.factors, c, runs.chance)[which] for c in of.T] for of in curves]
    )


def octaves(records: Evidence) -> Evidence:
    table = records.tables["lr_sweep"]
    return evidence(lr_sweep=table.loc[np.log2(table["factor"]) % 1 == 0])


def test_c2_was_contradicted_where_small_sets_only_train_slowly(rng):
    records = draw(SweepWorld(onset=3.75, lowest_fall=0.8, noise=0.02), rng, SEEDS)
    runs = sweep(records)
    assert word(runs.per_eightfold(old_onsets(runs, 0)), -1, 1, TWO_ONSETS * 0.5) == "contradicted"
    assert now("C2", records) == "supported"


def test_c2_was_not_to_be_settled_by_any_number_of_seeds(rng):
    records = draw(SweepWorld(onset=2.8, onset_growth=0.45, noise=0.3), rng, 64)
    runs = sweep(octaves(records))
    assert word(runs.per_eightfold(old_onsets(runs, 0)), -1, 1, TWO_ONSETS) == "inconclusive"
    assert now("C2", records) == "supported"


def test_c4_took_a_rounded_edge_for_one_that_is_reached(rng):
    """The onset lies one and a half doublings above the best factor, the last stable octave 0.6."""
    records = octaves(draw(SweepWorld(onset=3.9, best=2.4, noise=0.02), rng, SEEDS))
    runs = sweep(records)
    assert word(old_onsets(runs, 0, which=1)[0] - runs.bests(0)[0], high=1) == "supported"
    assert now("C4", records) != "supported"


def test_c4_could_not_tell_size_from_the_number_of_updates(rng):
    """The best factor falls with the updates alone: at equal epochs as with the size."""
    epochs = draw(SweepWorld(best=1, best_growth=-1), rng, SEEDS)
    updates = draw(SweepWorld(best=1, best_growth=0), rng, SEEDS, of="size_by_updates")
    runs = sweep(epochs)
    assert word(runs.per_eightfold(runs.bests(0)), high=0) == "supported"
    assert now("C4-updates", updates) != "supported"


def test_c5_was_undefined_where_the_smallest_set_has_hardly_trained(rng):
    records = draw(SweepWorld(onset=3.75, best=0.2, best_growth=0, lowest_fall=1.5), rng, SEEDS)
    runs = sweep(records)
    fall = (old_onsets(runs, 0) - old_onsets(runs, -1)).mean(axis=0)
    assert word(fall - runs.batch_doublings, -1, 1) == "cannot be asked"
    assert now("C5", records) == "supported"


def test_c5_was_decided_by_the_smallest_sets(rng):
    """The larger batch has half as high a loss again on all sets but the full one."""
    records = draw(SweepWorld(onset=3.75, best=0.2, best_growth=0), rng, SEEDS)
    table = records.tables["lr_sweep"]
    small = (table["subset_size"] < 4096) & (table["batch_size"] == 128) & (table["split"] == "test")
    records = evidence(lr_sweep=table.assign(value=table["value"].where(~small, 1.5 * table["value"])))
    lowest = np.log(sweep(records).test.min(axis=2))
    assert word((lowest[-1] - lowest[0]).mean(axis=0), -np.log(1.25), np.log(1.25)) == "contradicted"
    assert now("C5", records) == "supported"


def against_the_next_epoch(records: Evidence, factor: float):
    """The advantage as it was, of the newest batches and of those beyond an epoch, for each seed."""
    table = where(records.tables["forgetting"], **{"run.factor": factor})

    def mean(split: str, low: float, high: float) -> np.ndarray:
        rows = where(table, kind="Replay", split=split)
        ago = 8 - rows["epoch"].to_numpy(float)
        return rows.loc[(ago > low) & (ago <= high)].groupby("run.seed")["value"].mean().to_numpy(float)

    level = mean("next_epoch", -1, 0)
    return level - mean("seen", 0, 1 / 8), level - mean("seen", 1, np.inf)


def test_c7_did_not_tell_the_high_rate_from_the_low(rng):
    records = draw(ForgettingWorld(view=(0.3, 0.3), image=(0.3, 0.3)), rng, SEEDS)
    for factor in (4.0, 0.25):  # asked of either it was supported
        newest, beyond = against_the_next_epoch(records, factor)
        assert word(newest - beyond, low=0) == "supported"
        assert word(beyond - newest / 4, high=0) == "supported"
    assert now("C7", records) != "supported"


def test_c7_took_a_control_in_which_memory_of_images_cancels(rng):
    """Images are remembered for twenty epochs at the high rate, and it was said to be gone within one."""
    records = draw(ForgettingWorld(views=0, images=2.0, view=(1, 1), image=(20, 20), noise=0.01), rng, SEEDS)
    newest, beyond = against_the_next_epoch(records, 4.0)
    assert word(newest - beyond, low=0) == "supported"
    assert word(beyond - newest / 4, high=0) == "supported"
    assert now("C7", records) != "supported"


def test_c8_took_memory_of_views_for_memory_of_images(rng):
    records = draw(ForgettingWorld(images=0, views=0.3), rng, SEEDS)
    _, beyond = against_the_next_epoch(records, 0.25)
    assert word(beyond, low=0) == "supported"
    assert now("C8", records) != "supported"


def test_c8_had_in_no_interval_how_hard_the_images_are_that_no_seed_saw(rng):
    """There is no memory of images; whether those never seen are harder is one draw for all seeds."""
    whole = C8[0].parts[1]
    world = ForgettingWorld(views=0.1, images=0, view=(3.0, 3.0), noise=0.02, harder=0.05)
    old, new = [], []
    for _ in range(60):
        records = draw(world, rng, SEEDS)
        effects = whole.effect(records)
        old.append(judge(whole, interval(effects)).word)
        new.append(judge(whole, interval(effects, whole.resolution(records))).word)
    assert old.count("supported") >= 12
    assert new.count("supported") <= 4


def widest_gap(runs, onsets) -> float:
    """The rounding of onsets as it was: the widest gap of the grid in which any of them lies."""
    return max(runs.gap(np.array([onset])) for onset in onsets[np.isfinite(onsets)])


def test_one_onset_on_a_coarse_stretch_doubled_the_rounding_of_all(rng):
    """Of 32 onsets one is where the grid has octaves, the others where it has half octaves."""
    runs = sweep(draw(SweepWorld(noise=0), rng, 2))
    onsets = np.append(np.full(31, 1.25), 0.5)
    assert widest_gap(runs, onsets) == 1
    assert 0.5 < runs.gap(onsets) < 0.55
    level = np.linspace(1.5, 1.7, 8)
    assert word(level, 0, 2, ONE_ONSET * widest_gap(runs, onsets)) == "inconclusive"
    assert word(level, 0, 2, ONE_ONSET * runs.gap(onsets)) == "supported"


def test_c5_counted_the_rounding_of_sets_that_it_is_not_about(rng):
    """Half of the set turns unstable where the grid is coarse, at the larger batch."""
    records = draw(SweepWorld(onset=3.75, onset_fall=1.8, best=0.2, best_growth=0), rng, SEEDS)
    table = records.tables["lr_sweep"]
    half = (table["batch_size"] == 128) & (table["subset_size"] == 2048)
    early = half & (table["factor"] >= 1)
    table = table.assign(status=table["status"].mask(early, "diverged"), value=table["value"].mask(early))
    records = evidence(lr_sweep=table)
    runs, (fall, *_) = sweep(records), C5[0].parts
    assert widest_gap(runs, runs.onsets(-1)) == 1
    assert runs.gap(runs.onsets(-1)[-1]) == 0.5
    shift = fall.effect(records).to_numpy(float)
    assert word(shift, -1, 1, TWO_ONSETS * widest_gap(runs, runs.onsets(-1))) == "inconclusive"
    assert (
        judge(fall, interval(fall.effect(records), fall.resolution(records), fall.rounds)).word == "supported"
    )


def test_images_of_each_seeds_own_average_out_and_are_counted_once():
    """How hard images never seen are is then in the scatter between seeds."""
    whole = C8[0].parts[1]
    world = ForgettingWorld(views=0.1, images=0, view=(3.0, 3.0), noise=0.02, harder=0.05, drawn=True)
    words, widths = [], []
    for number in range(60):
        both = (draw(of, np.random.default_rng(number), 16) for of in (world, replace(world, drawn=False)))
        own, shared = (interval(whole.effect(records), whole.resolution(records)) for records in both)
        words.append(judge(whole, own).word)
        widths.append((own.high - own.low) / (shared.high - shared.low))
    assert words.count("supported") <= 4
    assert np.median(widths) < 0.5


def test_seeds_that_share_images_and_seeds_that_do_not_are_not_asked_together(rng):
    tables = draw(AccuracyWorld(), rng, 3).tables
    about = {"train": ABOUT, "lr_sweep": ABOUT | {"images": "drawn"}}
    assert "are of different images: train of shared" in ask(C1[0], Evidence(tables, about)).why


def test_c1_was_for_or_against_by_chance(rng):
    """The truth lay on the rule's end: a point of accuracy."""
    words, states = set(), set()
    for _ in range(200):
        records = draw(AccuracyWorld(large=0.935), rng, 3)
        ends = [where(records.tables[name], metric="accuracy")["value"] for name in ("train", "lr_sweep")]
        words.add(word(ends[0].to_numpy() - ends[1].to_numpy(), low=-0.01))
        states.add(now("C1", records))
    assert {"supported", "contradicted"} <= words
    assert states == {"stated"}


def test_the_old_best_factor_is_the_one_there_is():
    """What these tests take from the code as it is has not changed its meaning."""
    assert best_factor([0.5, 1, 2], [2, 1, 2])[0] == pytest.approx(0)


def test_where_updates_alone_count_half_the_data_costs_nothing_after_as_many():
    """A test loss of 1 over the updates so far: half of the data has half of them in every epoch."""
    rows = [
        {"factor": factor, "subset_size": size, "seed": seed, "epoch": epoch, "value": 1 / (size * epoch)}
        for factor in (0.25, 4.0)
        for size in (500, 1000)
        for seed in range(2)
        for epoch in range(1, 25)
    ]
    facts = {"epochs": 24, "status": "finished", "split": "test", "metric": "loss", "kind": "RunConfig"}
    records = evidence(forgetting=pd.DataFrame(rows).assign(**facts))
    np.testing.assert_allclose(log_ratio(records, 0), np.log(2))
    after_as_many = log_ratio(records, 0, equal="updates")
    assert np.all(np.abs(after_as_many) < 0.05)  # the last quarter of 12 epochs is coarser than that of 24
    np.testing.assert_array_equal(half_costs(records), 0)
