import numpy as np
import pytest

from research.measures.events import Events, ImageHistory
from research.sweeps.sweep import sweep


def visit(history, correct):
    return history.visit(np.arange(len(correct)), np.asarray(correct, bool))


def test_events_are_counted_by_hand():
    """Four images, four epochs: never right; right from the second on; forgotten once; forgotten twice."""
    history = ImageHistory.blank(4)
    visits = ([0, 0, 1, 1], [0, 1, 0, 0], [0, 1, 1, 1], [0, 1, 1, 0])
    changes = [visit(history, correct) for correct in visits]
    assert changes == [(0.5, 0.0), (0.25, 0.5), (0.5, 0.0), (0.0, 0.25)]
    shares = history.shares()
    assert shares["never_learned"] == 0.25
    assert shares["never_forgotten"] == 0.25
    assert shares["events"] == 1.0  # 0, 1 and 2
    assert [shares[f"forgotten_{k}_times"] for k in range(4)] == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])


def test_an_image_that_never_came_up_is_not_counted():
    history = ImageHistory.blank(3)
    history.visit(np.array([0]), np.array([True]))
    assert history.shares()["never_forgotten"] == 1.0
    assert history.shares()["never_learned"] == 0.0


def test_where_nothing_is_learned_there_is_no_mean():
    history = ImageHistory.blank(2)
    visit(history, [0, 0])
    assert history.shares()["never_learned"] == 1.0
    assert np.isnan(history.shares()["events"])


def test_a_run_is_trained_again_and_counted(dataset, run, store):
    sweep([run], dataset, store, keep={run: (2,)})
    rows = {(row.split, row.metric): row.value for row in Events(run).measure(dataset, store)}
    assert rows["train", "never_learned"] + rows["train", "never_forgotten"] <= 1
    assert sum(rows["train", f"forgotten_{k}_times"] for k in range(7)) == pytest.approx(1)
    # With two visits an image was forgotten once at most, by as many as went from right to wrong.
    learned = 1 - rows["train", "never_learned"]
    assert rows["train", "events"] * learned == pytest.approx(rows["seen", "forgotten"])
