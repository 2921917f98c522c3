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
