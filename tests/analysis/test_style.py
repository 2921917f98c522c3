import inspect
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from analysis import _publish, discover
from analysis._style import BANDS, band, caption, factor_name


@pytest.mark.parametrize(
    ("factor", "name"), [(0.125, "1/8"), (0.5, "1/2"), (1.0, "1"), (16.0, "16"), (1.1, "1.1"), (0.3, "0.3")]
)
def test_factors_are_named_as_in_the_article(factor, name):
    assert factor_name(factor) == name


def test_a_band_runs_from_the_lowest_to_the_highest_seed_and_skips_empty_points():
    _, axes = plt.subplots()
    band(axes, [1, 2, 3], [[1.0, 3.0, 2.0], [np.nan] * 3, [5.0, np.nan, 7.0]])
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_xydata()), [[1, 2], [3, 6]])
    edges = axes.collections[0].get_paths()[0].vertices
    assert {(1, 1), (1, 3), (3, 5), (3, 7)} <= {tuple(point) for point in np.asarray(edges).tolist()}


@pytest.mark.parametrize(
    ("sizes", "text"),
    [((512, 4096), "512 to 4,096 of 8,192 training images"), ((8192,), "synthetic, 8,192 training images")],
)
def test_the_caption_says_what_the_runs_were_trained_on(sizes, text):
    figure = plt.figure(figsize=(12, 3))
    base = {"model": {"kind": "resnet", "width": 8, "blocks": [1, 1]}}
    about = {"image_shape": [16, 16, 3], "train_images": 8192, "data": "synthetic", "preset": "quick"}
    about |= {"config": {"base": base, "seeds": 2}}
    runs = {"kind": "RunConfig", "subset_size": sizes, "epochs": 12, "model.width": 8}
    caption(figure, about, pd.DataFrame(runs))
    written = " ".join(figure.get_supxlabel().split())
    assert text in written
    assert "width 8, blocks 1-1; 12 epochs; 2 seeds" in written


def test_every_figure_with_marks_of_its_own_says_what_they_are():
    """The caption's default is true of `band` alone."""
    for module in discover().values():
        source = inspect.getsource(module)
        own = re.search(r"\.errorbar\(|\.fill_between\(|marker=\"_\"|interval\(", source)
        assert not own or re.search(r"explain\(\s*\w*figure", source), module.__name__


def test_a_power_laws_band_is_not_called_one_over_seeds():
    folder = Path(__file__).parents[2] / "paper_figures" / "quick"
    drawn = _publish.picture("dataset_scale", discover()["dataset_scale"].draw, folder)
    written = " ".join(drawn.get_supxlabel().split())
    assert "lines: power laws" in written
    assert BANDS not in written
    plt.close(drawn)
