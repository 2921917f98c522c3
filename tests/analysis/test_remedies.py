"""Remedies in records made up so that it is known what each does; and claims L9 asked of them."""

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest

from analysis import remedies, toys
from analysis._style import house_style
from analysis.claims import Evidence, ask, discover
from tests.analysis.degenerate import WORLDS

CLAIMS = {claim.id: claim for claim in discover()}
FACTORS, SEEDS = 2.0 ** np.arange(-2, 4), 4
PEAK, END, STEPS = 8, 10, 4
BEST = 2.0


def recorded(slower: float, more: float) -> pd.DataFrame:
    """Plain SGD, whose average does nothing, and sparse updates.

    Memory falls by 0.1 nats for each doubling of the way that the weights move.

    Args:
        slower: by how much shorter, in doublings, the sparse remedy's way is at each factor.
        more: how much more it remembers at the same way, nats.
    """
    rng, rows = np.random.default_rng(0), []
    for kind, average in (("sgd", "exponential"), ("sparse_sgd", "none")):
        for factor in FACTORS:
            for seed in range(SEEDS):
                sparse = kind == "sparse_sgd"
                about = {
                    "factor": factor,
                    "seed": seed,
                    "epochs": END,
                    "batch_size": 32,
                    "subset_size": 128,
                    "model.width": 8,
                    "optimizer.kind": kind,
                    "averaging.kind": average,
                    "optimizer.share": 1 / 16 if sparse else np.nan,
                }
                way = np.log2(factor) - slower * sparse
                image = 0.5 - 0.1 * way + more * sparse + rng.normal(0, 0.003)
                loss = 1 + 0.1 * np.log2(factor / BEST) ** 2 + rng.normal(0, 0.003)
                rows += _of_run(about, loss, 2.0**way, average)
                rows += _of_replay(about, image, "last")
                if average != "none":
                    rows += _of_replay(about, image, "average")
    return pd.DataFrame(rows)


def _of_run(about: dict[str, Any], loss: float, way: float, average: str) -> list[dict[str, Any]]:
    name = f"{about['optimizer.kind']} {about['factor']} {about['seed']}"
    run = about | {"kind": "RunConfig", "record": name, "status": "finished", "diverged_step": np.nan}
    rows = []
    for epoch in range(1, END + 1):
        values = {"update_norm": 0.01 * way * 5, "parameter_norm": 5.0}
        rows += [run | {"epoch": epoch, "split": "seen", "metric": m, "value": v} for m, v in values.items()]
        losses = {"test": loss, **({"test_average": loss - 0.2} if average != "none" else {})}
        rows += [run | {"epoch": epoch, "split": s, "metric": "loss", "value": v} for s, v in losses.items()]
    return rows


def _of_replay(about: dict[str, Any], image: float, weights: str) -> list[dict[str, Any]]:
    """Fresh views a nat below images never seen, less the memory; the same at all ages."""
    of = {f"run.{name}": value for name, value in about.items()} | {"kind": "Replay", "weights": weights}
    of |= {"record": f"{weights} {of['run.optimizer.kind']} {of['run.factor']} {of['run.seed']}"}
    of |= {"config.epoch": float(PEAK), "metric": "loss", "status": "finished"}
    rows = [of | {"epoch": float(PEAK), "split": "never_seen", "value": 2.0}]
    rows += [rows[0] | {"metric": "error", "value": 0.02}]
    for step in range(STEPS):
        epoch = PEAK - 1 + step / STEPS
        for split, value in (("seen", 2.0 - image - 0.1), ("fresh_view", 2.0 - image)):
            rows.append(of | {"epoch": epoch, "split": split, "value": value})
    return rows


def asked(name: str, table: pd.DataFrame) -> str:
    return ask(CLAIMS[name], Evidence({"remedies": table}, {"remedies": toys.ABOUT})).word


def test_runs_are_named_by_what_differs_from_plain_sgd():
    found = remedies.points(recorded(0, 0))
    assert remedies.remedies(found) == [remedies.PLAIN, remedies.AVERAGED, "share 1/16"]
    assert len(found) == 3 * len(FACTORS) * SEEDS
    assert found.notna().all()[[remedies.LOSS, remedies.FROZEN, remedies.IMAGE, remedies.MOVED]].all()


def test_the_way_is_the_sum_of_updates_over_the_weights_length_up_to_the_peaks_end():
    found = remedies.points(recorded(1, 0))
    plain, sparse = (
        remedies.of(found, name, remedies.MOVED).mean(axis=1) for name in (remedies.PLAIN, "share 1/16")
    )
    np.testing.assert_allclose(plain, 0.01 * FACTORS * STEPS * PEAK)
    np.testing.assert_allclose(sparse, plain / 2)


def test_averaged_weights_have_their_loss_before_annealing():
    found = remedies.points(recorded(0, 0))
    np.testing.assert_allclose(
        remedies.at_best(found, remedies.AVERAGED, remedies.LOSS),
        remedies.at_best(found, remedies.PLAIN, remedies.LOSS) - 0.2,
    )


def test_a_factor_costs_what_it_is_above_the_best_and_a_guess_at_most():
    found = remedies.points(recorded(0, 0))
    assert remedies.best(found, "share 1/16") == BEST
    for chance, factor, expected in ((toys.CHANCE, 4, 0.1), (toys.CHANCE, 8, 0.4), (1.2, 8, 0.2)):
        np.testing.assert_allclose(remedies.cost(found, "share 1/16", chance, factor), expected, atol=0.02)
    assert remedies.cost(found, "share 1/16", toys.CHANCE, 16).isna().all()


def test_what_only_moves_less_is_no_remedy():
    """It remembers 0.1 nats more at its best factor, and nothing more than SGD whose weights moved as far."""
    table = recorded(slower=1, more=0)
    found = remedies.points(table)
    np.testing.assert_allclose(remedies.against_plain(found, "share 1/16", remedies.IMAGE), 0.1, atol=0.02)
    np.testing.assert_allclose(remedies.matched(found, "share 1/16"), 0.0, atol=0.02)
    assert asked("L9-sparse", table) == "inconclusive"


@pytest.mark.parametrize(("more", "word"), [(0.05, "supported"), (-0.05, "contradicted")])
def test_what_remembers_more_at_the_same_way_is_one(more, word):
    assert asked("L9-sparse", recorded(slower=1, more=more)) == word


def test_half_lives_are_held_against_plain_sgds_each_at_its_best_factor():
    found = remedies.points(recorded(0, 0))
    of = found.index.get_level_values
    found[remedies.HALF_LIFE] = np.where(of("remedy") == remedies.PLAIN, 0.25, 1.0) * of("factor")
    np.testing.assert_allclose(remedies.doublings(found, "share 1/16"), 2.0)
    found.loc[of("seed") == 0, remedies.HALF_LIFE] = np.nan
    assert remedies.doublings(found, "share 1/16").isna().tolist() == [True, False, False, False]


def test_a_remedy_that_was_not_tried_cannot_be_asked_of():
    assert asked("L9-muon", recorded(0, 0)) == "cannot be asked"


def test_one_seed_far_from_all_others_does_not_flatten_the_memory_panel_and_is_counted():
    table = recorded(slower=0, more=0)
    plain = remedies.draw(table)
    assert "beyond the axis" not in str(plain.get_label())
    own = (table["kind"] == "Replay") & (table["run.optimizer.kind"] == "sgd") & (table["run.seed"] == 0)
    own &= (table["run.factor"] == FACTORS[0]) & (table["weights"] == "last")
    table.loc[own & (table["split"] != "never_seen"), "value"] -= 50.0
    drawn = remedies.draw(table)
    assert "of memories at the peak 1 lies beyond the axis" in str(drawn.get_label())
    (low, high), (was_low, was_high) = (each.axes[1].get_ylim() for each in (drawn, plain))
    assert high - low <= 1.2 * (was_high - was_low)
    assert drawn.axes[3].get_ylim() == (low, high)


def test_a_loss_beyond_all_measure_does_not_flatten_the_others_and_is_counted():
    """Of a run that ended, and so did not diverge, at a loss of 1e28."""
    table = recorded(slower=0, more=0)
    own = (table["kind"] == "RunConfig") & (table["split"] == "test") & (table["seed"] == 0)
    table.loc[own & (table["factor"] == FACTORS[-1]) & (table["epoch"] == END), "value"] = 1e28
    drawn = remedies.draw(table)
    assert "of losses 2 lie beyond the axis" in str(drawn.get_label())
    assert drawn.axes[0].get_ylim()[1] < 3


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
def test_figure_and_claims_are_of_every_world(world):
    table = WORLDS[world](recorded(1, 0)).reset_index(drop=True)
    with matplotlib.rc_context(house_style()):
        figure = remedies.draw(table)
        figure.set_layout_engine("none")
        figure.draw_without_rendering()
    for name, claim in CLAIMS.items():
        if name.startswith("L9"):
            verdict = ask(claim, Evidence({"remedies": table}, {"remedies": toys.ABOUT}))
            assert "cannot be had" not in verdict.why, verdict.why
