"""Degenerate results are results: every figure is drawn of each world, without an error or a warning."""

import json
from collections.abc import Iterator
from inspect import signature

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis import discover
from analysis._numbers import numbers
from analysis._style import caption, house_style
from analysis._tables import levels, where
from tests.analysis.degenerate import FIGURES, LABEL, WORLDS, published, records

FOUND = {name: module for name, module in discover().items() if name in published()}


def different(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The worlds in which this table is none of those before: a sweep of one factor cannot lose any."""
    seen: list[pd.DataFrame] = []
    for name, world in WORLDS.items():
        changed = world(table).reset_index(drop=True)
        if not any(changed.equals(other) for other in seen):
            seen.append(changed)
            yield name, changed


def drawn(name: str, table: pd.DataFrame) -> Figure:
    about = json.loads((FIGURES / LABEL / f"{name}.json").read_text())
    with matplotlib.rc_context(house_style()):
        draw = FOUND[name].draw
        figure = draw(table, about) if len(signature(draw).parameters) > 1 else draw(table)
        caption(figure, about, table)
        figure.set_layout_engine("none")  # takes most of the time, and nothing can go wrong in it
        figure.draw_without_rendering()
    return figure


@pytest.mark.slow
@pytest.mark.parametrize("name", FOUND)
def test_the_figure_is_drawn_of_every_world(name):
    for world, table in different(records(name)):
        try:
            figure = drawn(name, table)
        except Exception as error:
            raise AssertionError(f"{name} of: {world}") from error
        found = numbers(figure)
        centres = found.loc[found["kind"].isin(["mean", "median", "the seed"])]
        assert np.isfinite(centres["y"]).all(), world
        # Whoever sees axes without a line or a point reads there why.
        for panel, axes in enumerate(figure.axes):
            empty = found.loc[found["panel"] == panel, ["x", "y"]].dropna().empty
            assert not empty or axes.texts or not axes.axison, (world, axes.get_title())


@pytest.mark.parametrize("name", ["lr_sweep", "policies", "scaling_rules", "optimal_batch", "budget"])
def test_where_every_run_diverged_there_are_crosses_at_all_that_was_varied(name):
    table = WORLDS["all diverged"](records(name))
    found = numbers(drawn(name, table))
    crosses = found.loc[found["kind"] == "diverged"]
    crosses = crosses.loc[crosses["panel"] == crosses["panel"].min()]  # the others may be of categories
    column = {"lr_sweep": "factor", "policies": "factor", "budget": "factor"}.get(name, "batch_size")
    varied = np.unique(table[column].to_numpy(float))
    if name == "scaling_rules":
        varied = varied / 32  # over the reference's
    assert set(crosses["x"].round(6)) == set(np.round(varied, 6))


def test_a_figure_of_nothing_says_why():
    lost = drawn("curvature", WORLDS["all diverged"](records("curvature")))
    assert {text.get_text() for axes in lost.axes for text in axes.texts} == {"every run diverged"}
    nothing = drawn("curvature", WORLDS["empty"](records("curvature")))
    assert all("nothing was recorded" in axes.texts[0].get_text() for axes in nothing.axes)


def test_the_worlds_are_what_they_say():
    table = records("lr_sweep")
    assert len(levels(WORLDS["one factor"](table), "factor")) == 1
    assert set(WORLDS["all diverged"](table)["status"]) == {"diverged"}
    assert levels(WORLDS["all diverged"](table), "record") == levels(table, "record")
    budget = records("budget")
    some = WORLDS["some diverged"](budget)
    keys = ["batch_size", "subset_size", "factor", "seed"]
    finished, before = (where(of, kind="RunConfig") for of in (some, budget))
    # What diverged in the records themselves may have been measured before it did.
    whole = [where(finished, status="finished"), where(before, status="diverged")]
    measured = where(some, kind="StepBudget")[[f"run.{key}" for key in keys]].astype(float)
    of = {tuple(row) for row in measured.to_numpy()}
    assert 0 < len(of) < len(where(budget, kind="StepBudget")["record"].unique())
    assert of <= {tuple(row) for runs in whole for row in runs[keys].astype(float).to_numpy()}
