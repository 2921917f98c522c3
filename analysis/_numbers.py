"""The numbers behind a figure, as a table: what a reader would otherwise read off it with a ruler."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.figure import Figure

COLUMNS = ["panel", "title", "kind", "series", "x", "y"]


def numbers(figure: Figure) -> pd.DataFrame:
    """Every point of every line, band, bar and set of markers, in the units of the axes.

    Panels are numbered as they were made; a band's points run along its outline. The kind is what
    `analysis._style` says that an artist is (mean, 95% interval, each seed, diverged ...), else its shape.
    """
    tables = [
        pd.DataFrame(np.asarray(points, float).reshape(-1, 2), columns=["x", "y"]).assign(
            panel=panel, title=" ".join(axes.get_title().split()), kind=kind, series=series
        )
        for panel, axes in enumerate(figure.axes)
        for kind, series, points in _artists(axes)
    ]
    found = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)
    return found.loc[:, COLUMNS].astype({"x": float, "y": float})


def _artists(axes: Axes) -> Iterator[tuple[str, str, Any]]:
    for line in axes.lines:
        yield _kind(line, "line"), _series(line), line.get_xydata()
    for collection in axes.collections:
        if isinstance(collection, PathCollection):
            yield _kind(collection, "markers"), _series(collection), collection.get_offsets()
        elif isinstance(collection, PolyCollection):
            for path in collection.get_paths():
                yield _kind(collection, "band"), _series(collection), path.vertices
        elif isinstance(collection, LineCollection):
            for segment in collection.get_segments():
                yield _kind(collection, "bar"), _series(collection), segment


def _kind(artist: Artist, shape: str) -> str:
    return str(artist.get_gid() or shape)


def _series(artist: Artist) -> str:
    """Its label; the underscore only keeps it out of the legend, and `_child0` is Matplotlib's for none."""
    label = str(artist.get_label())
    return "" if label.startswith("_child") else label.removeprefix("_")
