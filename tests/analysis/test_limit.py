"""The battery's figures and its table: of toys, whole and degenerate, with no error and no warning."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from analysis import (
    additive_noise,
    annealing,
    averaging,
    batch_ladder,
    limit,
    revisits,
    signature,
    size_by_updates,
    toys,
)
from analysis._style import house_style
from analysis.claims import Evidence
from tests.analysis.degenerate import WORLDS

FIGURES = {
    "additive_noise": additive_noise.draw,
    "annealing": annealing.draw,
    "averaging": averaging.draw,
    "batch_ladder": batch_ladder.draw,
    "revisits": revisits.draw,
    "signature": signature.draw,
    "size_by_updates": size_by_updates.draw,
}


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """Records of the regression with label noise, with what real ones have besides."""
    made = toys.simulate("M", np.random.default_rng(0), 3).tables
    return {name: _as_recorded(table) for name, table in made.items()}


def _as_recorded(table: pd.DataFrame) -> pd.DataFrame:
    of_run = [c for c in table if c not in ("split", "metric", "value", "epoch", "status")]
    record = table.groupby(of_run, dropna=False).ngroup().astype(str)
    lacking = {name: np.nan for name in ("seed", "factor", "status") if name not in table}
    return table.assign(record=record, diverged_step=np.nan, **lacking)


def evidence(tables: dict[str, pd.DataFrame]) -> Evidence:
    return Evidence(tables, dict.fromkeys(tables, toys.ABOUT))


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("name", FIGURES)
def test_the_figures_are_drawn_of_every_world(name, world, tables):
    with matplotlib.rc_context(house_style()):
        figure = FIGURES[name](WORLDS[world](tables[name]).reset_index(drop=True))
        figure.set_layout_engine("none")
        figure.draw_without_rendering()


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
def test_the_answer_and_the_table_are_of_every_world(world, tables):
    given = evidence({name: WORLDS[world](table).reset_index(drop=True) for name, table in tables.items()})
    found = limit.verdicts(given)
    for verdict in found.values():
        assert "cannot be had" not in verdict.why, verdict.why  # an effect that raises
    limit.show(found, world, Console(quiet=True))
    with matplotlib.rc_context(house_style()):
        figure = limit.answer(given)
        figure.set_layout_engine("none")
        figure.draw_without_rendering()


def test_without_the_signature_the_answer_has_three_lines(tables):
    alone = evidence({"batch_ladder": tables["batch_ladder"]})
    found = limit.lines(alone)
    assert found["S"].best is not None
    assert found["S"].best.isna().to_numpy().all()
    for who in ("K", "M", "D"):
        best = found[who].best
        assert best is not None
        assert best.notna().to_numpy().all()
    words = limit.table(limit.verdicts(alone))
    assert words.loc["batch_ladder", "S"] == "not run"
    assert words.loc["averaging", "M"] == "not run"


def test_the_lines_have_the_slopes_of_the_mechanisms(tables):
    found = limit.lines(evidence(tables))
    for who, slope in (("K", -1.0), ("D", 0.0)):
        best = found[who].best
        assert best is not None
        np.testing.assert_allclose(batch_ladder.slopes(best), slope, atol=1e-9)
    onset = found["S"].onset
    assert onset is not None
    # Sixteen steep directions: below a batch of 15 nearly flat.
    assert np.all(batch_ladder.slopes(onset).between(-0.6, -0.1))


def test_a_seed_that_is_also_a_factor_is_read_as_a_seed(tables):
    """Seed 1 and factor 1: pandas would look the one up among the others."""
    table = tables["signature"]
    several = signature.at_the_rise(table, signature.WHOLE, toys.CHANCE)
    moved = table.assign(**{c: table[c] + 100 for c in ("seed", "run.seed")})
    other = signature.at_the_rise(moved, signature.WHOLE, toys.CHANCE)
    assert several.notna().all()
    np.testing.assert_array_equal(several, other)
