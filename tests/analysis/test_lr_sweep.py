import numpy as np
import pandas as pd
import pytest

from analysis.lr_sweep import draw, final_losses


@pytest.fixture
def table() -> pd.DataFrame:
    """Two seeds; loss = |log2 factor| + seed / 10 at the last epoch; at factor 4 the second seed diverged."""
    rows = [
        {
            "kind": "RunConfig",
            "factor": factor,
            "seed": seed,
            "batch_size": 32,
            "subset_size": size,
            "epochs": 3,
            "epoch": epoch,
            "split": split,
            "metric": "loss",
            "value": abs(np.log2(factor)) + seed / 10 + (0 if epoch == 3 else 9) + 0.1,
            "status": "diverged" if factor == 4 and seed == 1 else "finished",
        }
        for factor in (0.5, 1.0, 2.0, 4.0)
        for seed in (0, 1)
        for size in (64, 128)
        for epoch in (1, 2, 3)
        for split in ("train", "test")
    ]
    return pd.DataFrame(rows)


def test_final_losses_are_the_last_epochs_with_divergence_as_infinite(table):
    losses = final_losses(table, "test", 32, 64)
    assert losses.index.tolist() == [0.5, 1, 2, 4]
    np.testing.assert_allclose(losses[0], [1.1, 0.1, 1.1, 2.1])
    np.testing.assert_allclose(losses[1], [1.2, 0.2, 1.2, np.inf])


def test_a_factor_at_which_every_seed_diverged_keeps_its_row(table):
    table.loc[table["factor"] == 4, "status"] = "diverged"
    assert final_losses(table, "test", 32, 64).loc[4].eq(np.inf).all()


def test_a_run_that_is_missing_is_not_one_that_diverged(table):
    losses = final_losses(table[(table["factor"] != 2) | (table["seed"] != 1)], "test", 32, 64)
    assert np.isnan(losses.loc[2, 1])
    assert losses.loc[4, 1] == np.inf


def test_the_figure_shows_the_median_of_the_seeds_and_marks_divergence(table):
    figure = draw(table)
    axes = figure.axes[1]
    assert axes.get_ylabel() == "final test loss (nats)"
    medians = [line for line in axes.lines if line.get_gid() == "median"]
    assert len(medians) == 2
    np.testing.assert_allclose(np.asarray(medians[0].get_ydata()), [1.15, 0.15, 1.15, 2.1])
    crosses = [each for each in axes.collections if each.get_gid() == "diverged"]
    assert [np.asarray(each.get_offsets())[:, 0].tolist() for each in crosses] == [[4.0], [4.0]]
    assert [list(np.asarray(each.get_linewidth())) for each in crosses] == [
        [0.6],
        [0.6],
    ]  # thin: one of two seeds
