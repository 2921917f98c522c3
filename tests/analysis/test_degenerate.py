"""Degenerate results are results: every figure is drawn of each of them, without a warning."""

import io
import json

import matplotlib
import numpy as np
import pytest

from analysis import discover
from analysis._numbers import numbers
from analysis._style import caption, house_style
from tests.analysis.degenerate import FIGURES, LABEL, WORLDS, published, records


@pytest.fixture(scope="module")
def tables():
    return {name: records(name) for name in published()}


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("name", [name for name in discover() if name in published()])
def test_every_figure_is_drawn_of_every_world(name, world, tables):
    table = WORLDS[world](tables[name])
    about = json.loads((FIGURES / LABEL / f"{name}.json").read_text())
    with matplotlib.rc_context(house_style()):
        figure = discover()[name].draw(table)
        caption(figure, about, table)
        figure.savefig(io.BytesIO(), dpi=20)
    for axes in figure.axes:
        says = bool(axes.texts) or not axes.axison
        assert says or axes.lines or axes.collections or axes.patches, axes.get_title()
    found = numbers(figure)
    assert np.isfinite(found.loc[found["kind"].isin(["mean", "median", "the seed"]), "y"]).all()
