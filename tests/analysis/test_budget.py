import numpy as np
import pandas as pd
import pytest

from analysis.budget import curvature_ratios, draw, forgetting_ratios

RUN = {"run.batch_size": 32, "run.subset_size": 64}


@pytest.fixture
def table() -> pd.DataFrame:
    """Curvature ratio 1/4, in sixteen steps that average to it; 3/4 of an advantage of 0.4 gone later on."""
    rows = []
    for factor in (1.0, 2.0):
        for seed in (0, 1):
            run = {**RUN, "run.factor": factor, "run.seed": seed, "record": f"{factor} {seed}"}
            for step in range(16):
                for metric, value in (("gradient_gain", 0.4), ("gradient_penalty", 0.1)):
                    row = {"kind": "StepBudget", "split": "current", "metric": metric}
                    rows.append(
                        run | row | {"step": step, "epoch": 5 + step / 16, "value": value * (0.5 + step % 2)}
                    )
            replayed = [(5 - k / 16, "replayed", 1.6 if k <= 2 else 1.9) for k in range(1, 17)]
            unseen = [(5 + k / 16, "unseen", 2.0) for k in range(16)]
            for epoch, split, value in [*replayed, *unseen, (5.0, "test", 2.5)]:
                row = {"kind": "Replay", "split": split, "metric": "loss", "epoch": epoch, "value": value}
                rows.append(run | row)
    for factor, status in ((1.0, "finished"), (2.0, "finished"), (4.0, "diverged")):
        run = {
            "kind": "RunConfig",
            "batch_size": 32,
            "subset_size": 64,
            "factor": factor,
            "status": status,
            "seed": 0,
        }
        rows.append(run)
    return pd.DataFrame(rows)


def test_the_curvature_ratio_is_of_the_means_over_the_steps(table):
    found = curvature_ratios(table)
    assert len(found) == 4
    np.testing.assert_allclose(found["ratio"], 0.25)
    assert set(found["batches"]) == {16}


def test_fewer_batches_have_no_curvature_ratio(table):
    assert np.isnan(curvature_ratios(table.loc[table["step"] != 3])["ratio"].to_numpy(float)).all()


def test_the_forgetting_ratio_is_the_share_of_the_advantage_that_is_gone(table):
    found = forgetting_ratios(table)
    assert len(found) == 4
    np.testing.assert_allclose(found["ratio"], 0.75)


def test_a_model_that_remembers_nothing_has_no_forgetting_ratio(table):
    table.loc[table["split"] == "replayed", "value"] = 2.1
    assert forgetting_ratios(table).empty


def test_the_figure_marks_what_diverged_before_it_could_be_measured(table):
    figure = draw(table)
    curvature = figure.axes[0]
    assert curvature.get_ylabel() == "curvature ratio"
    (median,) = (line for line in curvature.lines if line.get_gid() == "median")
    np.testing.assert_allclose(np.asarray(median.get_ydata()), 0.25)
    (crosses,) = (each for each in curvature.collections if each.get_gid() == "diverged")
    assert np.asarray(crosses.get_offsets())[:, 0].tolist() == [4.0]


def test_negative_curvature_and_what_lies_beyond_the_axis_stay_on_the_figure(table):
    penalty = (table["metric"] == "gradient_penalty") & (table["run.factor"] == 2.0)
    table.loc[penalty, "value"] *= -1e6
    axes = draw(table).axes[0]
    (median,) = (line for line in axes.lines if line.get_gid() == "median")
    low, high = axes.get_ylim()
    values = np.asarray(median.get_ydata())
    assert values[1] < 0
    assert ((low < values) & (values < high)).all()
