from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from analysis import _drawing, discover
from analysis._numbers import numbers

FIGURES = Path(__file__).parents[2] / "paper_figures"


def test_every_line_band_and_marker_is_in_the_table():
    _, axes = plt.subplots()
    axes.plot([1, 2], [3.0, 4.0], label="a")
    axes.scatter([5], [6.0], label="b")
    axes.fill_between([1, 2], [0, 0], [1, 1])
    axes.set_title("two\nlines")
    table = numbers(axes.figure)  # type: ignore[arg-type]
    assert table.iloc[:3].values.tolist() == [
        [0, "two lines", "line", "a", 1, 3],
        [0, "two lines", "line", "a", 2, 4],
        [0, "two lines", "markers", "b", 5, 6],
    ]
    assert set(table["kind"]) == {"line", "markers", "band"}
    plt.close("all")


@pytest.mark.parametrize(
    "path", sorted(FIGURES.glob("*/*.csv")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_the_numbers_behind_a_figure_are_the_published_ones(path):
    """Drawn again from the records in the repository, with no training."""
    drawn = _drawing.picture(path.stem, discover()[path.stem].draw, path.parent)
    now, published = numbers(drawn), pd.read_csv(path, dtype={"title": str, "series": str})
    plt.close(drawn)
    for column in ("panel", "title", "kind", "series"):
        # CSV has no difference between no title and no value.
        assert now[column].tolist() == published[column].astype(object).fillna("").tolist()
    np.testing.assert_allclose(now[["x", "y"]], published[["x", "y"]], rtol=1e-5, atol=1e-9)
