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


def test_the_last_panels_show_what_was_seen_below_the_line_of_images_never_seen():
    world = ForgettingWorld(view=(0.1, 3.0), image=(0.1, 3.0), noise=0.0)
    figure = draw(world.table(np.random.default_rng(0), 2))
    high, low = figure.axes[3], figure.axes[7]
    for axes, newest, older in ((high, -0.15, -0.01), (low, -0.28, -0.27)):
        (line,) = (line for line in axes.lines if line.get_gid() == "median")
        losses = np.asarray(line.get_ydata(), float)
        assert losses[0] < newest
        assert losses[7] > older
    assert high.get_ylim() == low.get_ylim()  # one scale for all rates
