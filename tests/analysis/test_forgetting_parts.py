import numpy as np

from analysis.forgetting_parts import PARTS, draw
from tests.analysis.claims.worlds import ForgettingWorld


def test_the_parts_add_up_to_what_the_article_plots():
    figure = draw(ForgettingWorld().table(np.random.default_rng(0), 1))
    for axes in figure.axes:
        lines = {line.get_label(): np.asarray(line.get_ydata(), float) for line in axes.lines}
        both, image, view = (lines[label] for label, *_ in PARTS.values())
        np.testing.assert_allclose(image + view, both)


def test_each_part_is_seen_where_it_alone_was_put():
    for world, alone in (
        (ForgettingWorld(views=0, noise=0), "image"),
        (ForgettingWorld(images=0, noise=0), "view"),
    ):
        for axes in draw(world.table(np.random.default_rng(0), 1)).axes:
            lines = {line.get_label(): np.asarray(line.get_ydata(), float) for line in axes.lines}
            for kind in ("image", "view"):
                assert (lines[PARTS[kind][0]].max() > 0.05) == (kind == alone)


def test_the_error_that_all_seeds_share_is_drawn_and_said():
    """1.96 standard errors of the images never seen, whatever the number of seeds."""
    for seeds in (2, 8):
        table = ForgettingWorld().table(np.random.default_rng(0), seeds)
        errors = table.query("kind == 'Replay' and metric == 'error' and split == 'never_seen'")
        errors = errors.pivot_table(index="run.factor", values="value")["value"].to_numpy(float)
        figure = draw(table)
        for axes, error in zip(figure.axes, errors, strict=True):
            (band,) = [one for one in axes.patches if one.get_label() == "0, to within the images never seen"]
            low, high = band.get_extents().transformed(axes.transData.inverted()).get_points()[:, 1]
            np.testing.assert_allclose([low, high], [-1.96 * error, 1.96 * error], rtol=1e-6)
        assert "images never seen, the same for all seeds" in str(figure.get_label())
