"""The numbers behind a figure, as a table: what a reader would otherwise read off it with a ruler."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.figure import Figure

COLUMNS = ["panel", "title", "kind", "series", "x", "y"]


def numbers(figure: Figure) -> pd.DataFrame:
    """Every point of every line, band and set of markers, in the units of the axes.

    Panels are numbered as they were made; a band's points run along its outline.
    """
    tables = [
        pd.DataFrame(np.asarray(points, float).reshape(-1, 2), columns=["x", "y"]).assign(
            panel=panel, title=" ".join(axes.get_title().split()), kind=kind, series=series
        )
        for panel, axes in enumerate(figure.axes)
        for kind, series, points in _artists(axes)
    ]
    if not tables:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(tables, ignore_index=True).loc[:, COLUMNS]


def _artists(axes: Axes) -> Iterator[tuple[str, str, Any]]:
    for line in axes.lines:
        yield "line", str(line.get_label()), line.get_xydata()
    for collection in axes.collections:
        if isinstance(collection, PathCollection):
            yield "markers", str(collection.get_label()), collection.get_offsets()
        elif isinstance(collection, PolyCollection):
            for path in collection.get_paths():
                yield "band", str(collection.get_label()), path.vertices
