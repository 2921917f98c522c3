import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from analysis._style import band, caption, factor_name


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
    base = {"model": {"name": "resnet", "width": 8, "blocks": [1, 1]}}
    about = {"image_shape": [16, 16, 3], "train_images": 8192, "data": "synthetic", "preset": "quick"}
    about |= {"config": {"base": base, "seeds": 2}}
    runs = {"kind": "RunConfig", "subset_size": sizes, "epochs": 12, "model.width": 8}
    caption(figure, about, pd.DataFrame(runs))
    written = " ".join(figure.get_supxlabel().split())
    assert text in written
    assert "width 8, blocks 1-1; 12 epochs; 2 seeds" in written
