"""What lasts of a cost, in records made up to have a known one; and claims L10 asked of them."""

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest

from analysis import lasting, toys
from analysis._style import house_style
from analysis.claims import Evidence, ask, discover
from tests.analysis.degenerate import WORLDS

CLAIMS = {claim.id: claim for claim in discover()}
PEAK, HALF, END = 10, 14, 28
FACTORS, SEEDS = (1.0, 4.0), 5


def recorded(
    lasts: float = 1.0,
    lost: float = 0.0,
    longer: float = 1.0,
    scaled: float = 1.0,
    dead: float = 0.0,
    revived: float = 1.0,
    leaky: float = 1.0,
    milder: float = 1.0,
    late: float = 1.0,
    sham: float = 1.0,
    killed: float = 0.0,
    stay: float = 1.0,
    blow: float = 0.0,
    anew: float = 1.0,
) -> pd.DataFrame:
    """Records in which factor 4 costs 0.4 nats after annealing.

    Args:
        lasts: the share of that which is there at the end.
        lost: how far the loss at the end is then above factor 1's after annealing, nats.
        longer: times as long as factor 1's are factor 4's weights; its updates are of the same length.
        scaled: the share of the cost at the end that is there where weights were scaled back.
        dead: the share of units that factor 4 kills.
        revived: the share of the cost at the end that is there where they were revived.
        leaky: the share of the cost at the end that is there with leaky ReLU, whose losses are all 0.3 nats
            lower; its rows alone say what the activation is, as the others are older.
        milder: the share of the costs before that which is there with leaky ReLU.
        late: the share of it that is there where they were revived after annealing.
        sham: the share of it that is there where live units were reset after annealing.
        killed: what killing units costs factor 1, as a share of it.
        stay: the share of killed units that are dead at the end.
        anew: the share of it that is there where a network is begun anew with units killed.
        blow: what any change of units costs factor 1, nats.
    """
    rng, rows = np.random.default_rng(0), []
    loss = {  # of factors 1 and 4, at each moment
        PEAK: (1.2, 2.0),
        HALF: (1.0, 1.4),
        END: (1.0 + lost - 0.4 * lasts, 1.0 + lost),
    }
    left = {"initial_lengths": scaled, "revived": revived}
    for seed in range(SEEDS):
        for index, factor in enumerate(FACTORS):
            about = {"factor": factor, "seed": seed, "epochs": END, "model.norm": "batch"}
            of = {f"run.{name}": value for name, value in about.items()}

            def add(kind: str, of: dict[str, Any], value: float, noise: float = 0.01, **row: Any) -> None:
                rows.append({"kind": kind, **of, **row, "value": value + rng.normal(0, noise)})

            for epoch, values in loss.items():
                add("GroupLosses", of, values[index], split="never_seen", metric="loss", epoch=epoch)
                low, cost = values[0] - 0.3, values[1] - values[0]
                value = low + index * cost * (leaky if epoch == END else milder)
                row = {"split": "never_seen", "metric": "loss", "epoch": epoch}
                add("GroupLosses", of | {"run.model.activation": "leaky_relu"}, value, **row)
                share = dead * index * (epoch == END)
                add("DeadUnits", of, share, split="train", metric="dead_units", epoch=epoch)
            row = {"split": "test", "metric": "loss", "epoch": END}
            add("RunConfig", about, loss[END][index], status="finished", **row)
            annealed = {"config.epoch": HALF}
            for change, share in left.items():
                value = loss[END][0] + index * share * 0.4 * lasts
                add("Intervention", of, value, change=change, **{"config.epoch": PEAK}, **row)
                share = late if change == "revived" else 1
                value = loss[END][0] + index * share * 0.4 * lasts
                add("Intervention", of, value, change=change, **annealed, **row)
            after = dict.fromkeys(lasting.SHAMS, loss[END][0] + (sham * 0.4 * lasts if index else blow))
            if index:
                after |= {"restarted": 0.8, "restarted_killed": loss[END][0] + anew * 0.4 * lasts}
            else:
                after |= {"killed": loss[END][0] + killed * 0.4 * lasts + blow}
            for change, value in after.items():
                add("Intervention", of, value, change=change, **annealed, **row)
            if not index:
                about_units = {"change": "killed", **annealed, "split": "train", "metric": "changed_dead"}
                add("Intervention", of, stay, 0.0, **about_units, epoch=END)
                add("Intervention", of, 1.0, 0.0, **about_units, epoch=HALF)
            for epoch in range(1, END + 1):
                length = 8 * (longer if index else 1)
                for metric, value in ((lasting.LENGTH, length), (lasting.UPDATE, 0.1)):
                    row = {"split": "seen", "metric": metric, "epoch": epoch}
                    add("RunConfig", about, value, 1e-3, **row)
                    add("RunConfig", about | {"model.activation": "leaky_relu"}, 3 * value, 1e-3, **row)
    table = pd.DataFrame(rows)
    return table.assign(record=table["kind"] + table.index.astype(str), diverged_step=np.nan)


def evidence(table: pd.DataFrame) -> Evidence:
    return Evidence({"lasting": table}, {"lasting": toys.ABOUT})


def word(name: str, table: pd.DataFrame) -> str:
    return ask(CLAIMS[name], evidence(table)).word


def test_costs_are_those_on_images_never_seen():
    found = lasting.costs(recorded(lasts=0.5))
    assert list(found.index) == list(lasting.MOMENTS)
    np.testing.assert_allclose(found.mean(axis=1), [0.8, 0.4, 0.2], atol=0.03)
    np.testing.assert_allclose(lasting.behind_lost_time(recorded(lost=-0.1)), -0.1, atol=0.06)


def test_lengths_and_relative_updates_are_in_doublings():
    table = recorded(longer=2.0)
    np.testing.assert_allclose(lasting.difference(lasting.lengths(table)), 1.0, atol=0.01)
    np.testing.assert_allclose(lasting.difference(lasting.relative_updates(table)), -1.0, atol=0.02)


@pytest.mark.parametrize(
    ("name", "true", "false"),
    [
        ("L10-lasts", {"lasts": 0.9}, {"lasts": 0.1}),
        ("L10-time", {"lost": -0.1}, {"lost": 0.1}),
        ("L10-length", {"longer": 2.0, "scaled": 0.1}, {"longer": 2.0, "scaled": 0.9}),
        ("L10-length", {"longer": 2.0, "scaled": 0.1}, {"longer": 0.5, "scaled": 0.1}),
        ("L10-dead", {"dead": 0.2}, {"dead": -0.2}),
        ("L10-revived", {"revived": 0.1}, {"revived": 0.9}),
        ("L10-leaky", {"leaky": 0.1}, {"leaky": 0.9}),
        ("L10-leaky", {"leaky": 0.1}, {"leaky": -0.9, "lasts": -1.0}),
        ("L10-sham", {"sham": 0.9, "late": 0.1}, {"sham": 0.1, "late": 0.1}),
        ("L10-sham-anywhere", {"sham": 0.9, "late": 0.1}, {"sham": 0.1, "late": 0.1}),
        ("L10-killed", {"killed": 0.9}, {"killed": 0.1}),
        ("L10-killed-anew", {"anew": 0.9}, {"anew": 0.2}),
        ("L10-killed", {"killed": 0.9}, {"killed": -0.2, "blow": 0.4}),
        ("L10-killed", {"killed": 0.9}, {"killed": 0.9, "stay": 0.5}),
    ],
)
def test_a_claim_is_supported_where_it_is_true_and_contradicted_where_it_is_not(name, true, false):
    assert word(name, recorded(**true)) == "supported"
    assert word(name, recorded(**false)) == "contradicted"


def test_what_was_changed_before_annealing_is_not_taken_for_what_was_changed_after():
    table = recorded(revived=0.1)
    assert word("L10-revived", table) == "supported"
    assert word("L10-revived-late", table) == "contradicted"


@pytest.mark.parametrize("milder", [1.0, 0.1])
def test_a_high_rate_that_is_milder_with_leaky_relu_is_seen_before_annealing(milder):
    """The rival that L10-leaky does not exclude: its verdict is the same, what is stated beside is not."""
    verdict = ask(CLAIMS["L10-leaky"], evidence(recorded(leaky=0.1, milder=milder)))
    left, _, before, after, _, lowest, longer = (finding.interval.mean for finding in verdict.findings)
    assert verdict.word == "supported"
    assert left == pytest.approx((0.1 - 0.5) * 0.4, abs=0.02)
    assert [before, after] == pytest.approx([0.8 * (milder - 1), 0.4 * (milder - 1)], abs=0.03)
    assert [lowest, longer] == pytest.approx([-0.3, 0.0], abs=0.02)


def test_beyond_lost_time_each_network_is_held_against_its_own():
    """With leaky ReLU 0.02 nats of the 0.2 that ReLU ends above its factor 1 after annealing."""
    verdict = ask(CLAIMS["L10-leaky-time"], evidence(recorded(lost=0.2, lasts=0.5, leaky=0.1)))
    assert verdict.word == "stated"
    found = [finding.interval.mean for finding in verdict.findings]
    assert found == pytest.approx([0.02, 0.02 - 0.1], abs=0.02)  # three standard errors


def test_records_older_than_the_choice_of_an_activation_are_of_relu():
    table = recorded()
    older = table.loc[table[["model.activation", "run.model.activation"]].isna().all(axis=1)]
    older = older.drop(columns=["model.activation", "run.model.activation"])
    assert lasting.networks(older) == [lasting.BATCH]
    assert lasting.networks(table) == [lasting.BATCH, lasting.LEAKY]
    pd.testing.assert_frame_equal(lasting.costs(older), lasting.costs(table))
    assert word("L10-leaky", older) == "cannot be asked"
    relu = {name: table[name].fillna("relu") for name in ("model.activation", "run.model.activation")}
    assert word("L10-leaky", table.assign(**relu)) == word("L10-leaky", table)


def test_a_network_begun_anew_is_held_against_the_revived_and_the_lowest_factor():
    """It comes to 0.8 nats; factor 1 to 0.6, factor 4 to 1."""
    found = ask(CLAIMS["L10-restarted"], Evidence({"lasting": recorded()}, {"lasting": toys.ABOUT}))
    assert found.word == "stated"
    anew, revived, own = (finding.interval.mean for finding in found.findings)
    assert (anew, revived, own) == pytest.approx((0.2, 0.2, 0.2), abs=0.03)


def test_what_is_left_of_no_cost_is_not_asked():
    table = recorded()
    annealed = table["epoch"].eq(HALF) & table["kind"].eq("GroupLosses")
    assert word("L10-lasts", table.assign(value=table["value"].where(~annealed, 1.0))) == "cannot be asked"


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
def test_figure_and_claims_are_of_every_world(world):
    table = WORLDS[world](recorded()).reset_index(drop=True)
    with matplotlib.rc_context(house_style()):
        figure = lasting.draw(table)
        figure.set_layout_engine("none")
        figure.draw_without_rendering()
    for name, claim in CLAIMS.items():
        if name.startswith("L10"):
            verdict = ask(claim, evidence(table))
            assert "cannot be had" not in verdict.why, verdict.why
