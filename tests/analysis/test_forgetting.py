import numpy as np
import pandas as pd

from analysis.forgetting import curve, draw
from tests.analysis.claims.worlds import ForgettingWorld


def test_a_curve_has_a_column_for_each_seed():
    table = pd.DataFrame(
        {
            "epoch": [1.0, 2.0, 1.0, 2.0],
            "seed": [0, 0, 1, 1],
            "split": "test",
            "metric": "loss",
            "value": [3.0, 2.0, 4.0, 1.0],
        }
    )
    np.testing.assert_allclose(curve(table, "test"), [[3, 4], [2, 1]])


def test_what_was_seen_lies_below_the_line_of_images_never_seen():
    world = ForgettingWorld(view=(0.1, 3.0), image=(0.1, 3.0), noise=0.0)
    axes = draw(world.table(np.random.default_rng(0), 2)).axes[1]
    low, high = (line for line in axes.lines if line.get_gid() == "median")
    for line, newest, older in ((high, -0.15, -0.01), (low, -0.28, -0.27)):
        losses = np.asarray(line.get_ydata(), float)
        assert losses[0] < newest
        assert losses[7] > older


def test_the_first_panel_shows_by_how_much_half_the_data_ends_worse():
    world = ForgettingWorld(ratio=(0.0, 0.6), noise=0.0)
    axes = draw(world.table(np.random.default_rng(0), 2)).axes[0]
    low, high = (line for line in axes.lines if line.get_gid() == "median")
    np.testing.assert_allclose(np.asarray(high.get_ydata()), 1)
    np.testing.assert_allclose(np.asarray(low.get_ydata()), np.exp(0.6))
