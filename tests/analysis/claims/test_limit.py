"""L1-S, L4, L5, L7 and L8-S: where their old rule was fooled and the one that they have is not."""

import numpy as np
import pandas as pd
import pytest

from analysis import additive_noise, averaging, batch_ladder, signature, toys
from analysis._tables import where
from analysis.claims.limit import BESIDE, at_the_rise, onset_slope
from analysis.quantities import batch_edge
from tests.analysis.claims import limit_worlds
from tests.analysis.claims.additive_noise_worlds import AdditiveWorld
from tests.analysis.claims.old_rules import now, word
from tests.analysis.claims.worlds import Evidence

FACTORS = 2.0 ** np.arange(-2, 4)
SEEDS = 5


def steeper(records: Evidence, by: float, known: bool) -> Evidence:
    """The largest eigenvalue several times as large: batches' gradients do not lie along it."""
    table = records.tables["signature"]
    is_top = (table["metric"] == "top_eigenvalue").fillna(False)
    table = table.assign(value=table["value"].where(~is_top, by * table["value"]))
    if not known:
        table = table.loc[table["metric"] != "full_sharpness"]
    return Evidence({**records.tables, "signature": table}, records.abouts)


def old_scale(records: Evidence) -> pd.Series:
    """From batch sharpness and the largest eigenvalue; 0 where the one is below the other."""
    of = where(records.tables["signature"], kind="Sharpness", **{"run.factor": 1.0})

    def by_seed(metric: str) -> pd.Series:
        return pd.Series(where(of, metric=metric).set_index("run.seed")["value"], dtype=float)

    return 4 * (by_seed("batch_sharpness") / by_seed("top_eigenvalue") - 1).clip(lower=0)


@pytest.mark.parametrize("known", [True, False])
def test_a_largest_eigenvalue_off_the_gradients_does_not_hide_how_batches_scatter(known):
    records = steeper(limit_worlds.ladder(np.random.default_rng(0), 4, batch_scale=64), 50, known)
    onsets = batch_ladder.onsets(records.tables["batch_ladder"], limit_worlds.CHANCE)
    assert (old_scale(records) == 0).all()
    old = batch_ladder.slopes(onsets - batch_ladder.falls(onsets.index, old_scale(records)))
    assert word(old, -0.25, 0.25) == "contradicted"
    assert now("L1-S", records) == ("supported" if known else "inconclusive")
    assert onset_slope(records).gt(-0.75).all()


def test_noise_scales_that_scatter_do_not_make_m_a_question_that_cannot_be_asked():
    """The best factor is flat up to batch 256, whatever of 200 to 3200 each seed's noise scale is."""
    records = limit_worlds.ladder(np.random.default_rng(0), 5, noise_scale=1e4)
    table = records.tables["batch_ladder"]
    scales = (table["kind"] == "GradientNoise").to_numpy()
    table.loc[scales, "value"] = 200.0 * 2.0 ** np.arange(5)
    best = batch_ladder.bests(table)
    assert (
        batch_ladder.slopes(best - batch_ladder.falls(best.index, batch_ladder.noise_scales(table)))
        .isna()
        .all()
    )
    assert now("L1-M", records) == "supported"


def test_the_halves_of_a_ladder_have_slopes_of_their_own():
    records = limit_worlds.ladder(np.random.default_rng(0), 5, onset=-0.5, noise_scale=32, noise=0.001)
    best = -np.log2(limit_worlds.BATCHES + 32)
    slopes = [
        np.polyfit(np.log2(limit_worlds.BATCHES[half]), best[half], 1)[0] for half in (slice(4), slice(3, 7))
    ]
    found = [part.effect(records).mean() for part in BESIDE[0].parts]
    assert found == pytest.approx([*slopes, -0.5, -0.5], abs=0.02)
    assert slopes[0] > -0.3 > -0.6 > slopes[1]


def test_the_largest_batch_is_asked_beside_the_smallest():
    """Their eigenvalues are alike but for a factor 8, three doublings, at every rate."""
    records = limit_worlds.signature(np.random.default_rng(0), 4)
    table = records.tables["signature"]
    names = [name for name in ("batch_size", "run.batch_size") if name in table]
    larger = table.assign(**{name: 16 * table[name] for name in names})
    is_top = (larger["metric"] == "top_eigenvalue").fillna(False)
    larger["value"] = larger["value"].where(~is_top, 8 * larger["value"])
    both = Evidence({"signature": pd.concat([table, larger], ignore_index=True)}, records.abouts)
    smallest, largest = (at_the_rise(both, signature.WHOLE, which) for which in (0, -1))
    np.testing.assert_allclose(largest - smallest, 3, atol=1e-6)


@pytest.mark.parametrize("known", [True, False])
def test_batches_at_their_edge_are_not_held_against_the_whole_losss(known):
    records = steeper(limit_worlds.signature(np.random.default_rng(0), 4), 50, known)
    table = records.tables["signature"]
    now_at = signature.at_the_rise(table, signature.BATCH, limit_worlds.CHANCE)
    low, high = (np.log2(level.to_numpy(float)).mean() for level in signature.edges(table))
    old = now_at + (low + high) / 2 - np.log2(batch_edge(0, 0.9, True))
    assert word(old, -0.5, 0.5) == "contradicted"
    assert now("L8-S", records) == ("supported" if known else "inconclusive")


def test_batch_sharpness_outside_of_all_levels_is_against_it_whatever_was_measured():
    for batch in (-3, 5):
        records = limit_worlds.signature(np.random.default_rng(0), 4, batch=batch)
        assert now("L8-S", steeper(records, 50, known=False)) == "contradicted"


def of_averages(
    rng: np.random.Generator, lag: float, kept: float, high: float = 1, steep: float = 0.1
) -> Evidence:
    """Records in which the last weights lose `lag` x factor by statistics that are behind them.

    With statistics anew a factor costs the square of its distance from the best, of which an average keeps a
    share above the factor `high`, and nothing below it.
    """
    cost = steep * np.maximum(np.log2(FACTORS), 0) ** 2 + 0.05 * np.maximum(-np.log2(FACTORS), 0)
    rows = []
    for kind, epochs, share in (("last", np.nan, 1.0), ("uniform", 1.0, kept)):
        for seed in range(SEEDS):
            own = (
                1.0
                + np.where(high < FACTORS, share, kind == "last") * cost
                + rng.normal(0, 0.01, len(FACTORS))
            )
            losses = {"test": 1.0 + cost + lag * FACTORS, "test_average": own}
            for split, values in losses.items():
                rows += [
                    {
                        "factor": factor,
                        "seed": seed,
                        "split": split,
                        "value": value,
                        "averaging.kind": kind,
                        "averaging.epochs": epochs,
                    }
                    for factor, value in zip(FACTORS, values, strict=True)
                ]
    about = {"kind": "RunConfig", "metric": "loss", "status": "finished", "epoch": 12.0, "epochs": 12}
    return Evidence({"averaging": pd.DataFrame(rows).assign(**about)}, {"averaging": toys.ABOUT})


def cost_of_running_statistics(records: Evidence) -> pd.Series:
    """L4's effect as it was: the last weights had their running statistics."""
    runs = where(records.tables["averaging"], **{"averaging.kind": "uniform"})
    plain, averaged = (averaging.losses(runs, split, "uniform", 1.0) for split in ("test", "test_average"))
    factor, lowest = FACTORS[-1], plain.min()
    return averaged.loc[factor] - lowest - (plain.loc[factor] - lowest) / 2


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_l4_took_statistics_that_are_behind_for_what_averaging_takes_back(rng):
    records = of_averages(rng, lag=0.5, kept=1.0)
    assert word(cost_of_running_statistics(records), high=0) == "supported"
    assert now("L4-M", records) == "contradicted"
    assert now("L4-D", records) == "supported"


def test_l4_still_sees_an_average_that_helps(rng):
    records = of_averages(rng, lag=0.0, kept=0.2)
    assert now("L4-M", records) == "supported"
    assert now("L4-D", records) == "contradicted"


def test_l4_cannot_be_asked_of_records_without_fresh_statistics(rng):
    records = of_averages(rng, lag=0.5, kept=0.2)
    table = records.tables["averaging"]
    older = Evidence({"averaging": table.loc[table["averaging.kind"] != "last"]}, records.abouts)
    assert now("L4-M", older) == "cannot be asked"


def against_the_last_weights_lowest(records: Evidence) -> pd.Series:
    """L4's effect as it was then: at the first factor that has risen, against the last weights' lowest."""
    table, chance = records.tables["averaging"], records.chance
    last = averaging.losses(table, averaging.AVERAGE, "last")
    average = averaging.losses(table, averaging.AVERAGE, "uniform", 1.0)
    curve, lowest = last.mean(axis=1), last.min()
    risen = (curve - curve.min() >= 0.1 * (chance - curve.min())) & (curve.index > curve.idxmin())
    factor = curve.index[risen][0]
    return average.loc[factor] - lowest - (last.loc[factor] - lowest) / 2


def test_l4_took_an_average_that_is_better_by_as_much_at_every_factor_for_a_remedy(rng):
    records = of_averages(rng, lag=0.0, kept=1.0)
    table = records.tables["averaging"]
    better = table["averaging.kind"].eq("uniform") & table["split"].eq("test_average")
    table = table.assign(value=table["value"] - 0.4 * better)
    records = Evidence({"averaging": table}, records.abouts)
    assert word(against_the_last_weights_lowest(records), high=0) == "supported"
    assert now("L4-M", records) == "contradicted"
    assert now("L4-D", records) == "supported"


def test_averaging_and_annealing_that_keep_as_much_at_every_factor_no_longer_differ(rng):
    """A world in which both take all of factor 2's cost and none of factor 4's: each was asked of another."""
    records = of_averages(rng, lag=0.0, kept=1.0, high=2, steep=0.2)
    averages = records.tables["averaging"]
    annealed = limit_worlds.annealing(rng, SEEDS, kept=1.0)
    assert word(against_the_last_weights_lowest(records), high=0) == "supported"
    assert averaging.costs(averages, records.chance, 2).loc["average"].abs().max() < 0.1
    assert now("L4-M", records) == now("L5-M", annealed) == "contradicted"


def cost_of_held_noise(records: Evidence) -> pd.Series:
    """L7's effect as it was: whatever the size of the noise, and however near to a guess all are."""
    table = records.tables["additive_noise"]
    held, fresh = (
        additive_noise.noise_costs(table, arm, records.chance)
        for arm in (additive_noise.HELD, additive_noise.FRESH)
    )
    return held - fresh / 2


@pytest.mark.parametrize(
    "world",
    [
        AdditiveWorld(held=1.0, size=10.0),  # ten times the variance, and its cost is of its size
        AdditiveWorld(fresh=1.2, held=1.05),  # both are all but a guess, and cannot cost more
    ],
)
def test_l7_took_noise_that_is_larger_or_a_loss_at_its_ceiling_for_an_answer(rng, world):
    records = world.draw(rng, SEEDS)
    assert word(cost_of_held_noise(records), high=0) == "contradicted"
    for who in "SMD":
        assert now(f"L7-{who}", records) == "cannot be asked"
    assert now("L7-K", records) == "contradicted"


def test_l7_took_noise_that_is_smaller_than_at_weights_which_no_noise_moved_for_an_answer(rng):
    records = AdditiveWorld(held=0.1, size=0.1).draw(rng, SEEDS)
    assert word(cost_of_held_noise(records), high=0) == "supported"
    for who in "SMD":
        assert now(f"L7-{who}", records) == "cannot be asked"


def test_l7_still_sees_noise_that_grows_to_a_guess_where_it_answers_to_the_weights(rng):
    """Fresh noise is at its ceiling, and may cost more yet: held noise costs less than half for all that."""
    records = AdditiveWorld(fresh=1.2, held=0.1).draw(rng, SEEDS)
    assert now("L7-S", records) == "supported"
    assert now("L7-M", records) == now("L7-D", records) == "contradicted"


def test_l7_is_asked_of_noise_that_begins_late_where_records_have_it(rng):
    """By then held noise is no larger than fresh noise; from the warm-up's end it was."""
    early = AdditiveWorld(held=1.0, size=10.0).draw(rng, SEEDS)
    late = AdditiveWorld(held=0.1).draw(rng, SEEDS).tables["additive_noise"]
    late = late.loc[late["run.gradient.start"].notna() & (late["run.gradient.every"] != 8)]
    both = pd.concat([early.tables["additive_noise"], late.assign(**{"run.gradient.start": 48.0})])
    assert now("L7-S", early) == "cannot be asked"
    assert now("L7-S", Evidence({"additive_noise": both}, early.abouts)) == "supported"
