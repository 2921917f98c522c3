import numpy as np
import pandas as pd
import pytest

from analysis.forgetting import curve, level, recency


@pytest.fixture
def replays() -> pd.DataFrame:
    """Two seeds, 16 batches an epoch, ten epochs, two replayed: memory lasts half an epoch."""
    rows = []
    for seed in (0, 1):
        for index in range(48):
            epoch = 8 + index / 16
            ago = 10 - epoch
            split = "replayed" if ago > 0 else "unseen"
            value = 2.0 + seed - (0.5 if 0 < ago <= 0.5 else 0)
            rows.append((seed, epoch, split, value))
        rows.append((seed, 10.0, "test", 2.2 + seed))
    table = pd.DataFrame(rows, columns=["run.seed", "epoch", "split", "value"])
    return table.assign(metric="loss", record=table["run.seed"])


def test_recency_is_the_difference_to_never_seen_batches_of_the_same_seed(replays):
    losses = recency(replays)
    np.testing.assert_allclose(losses.index, (np.arange(16) + 0.5) / 8)
    np.testing.assert_allclose(losses.iloc[:4], -0.5)
    np.testing.assert_allclose(losses.iloc[4:], 0.0)


def test_levels_are_means_for_each_seed(replays):
    np.testing.assert_allclose(level(replays, "unseen"), [2.0, 3.0])
    np.testing.assert_allclose(level(replays, "test"), [2.2, 3.2])


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


def test_there_is_nothing_left_of_runs_that_all_diverged():
    runs = pd.DataFrame({"split": ["train"], "metric": ["loss"], "value": [float("inf")]})
    left = recency(runs.loc[runs["split"] == "replayed"])
    assert left.empty
    assert left.loc[left.index <= 1].mean().reindex([0, 1]).isna().all()
