import numpy as np
import pandas as pd
import pytest

from analysis.budget import curvature_ratios, draw, forgetting_ratios, marks
from analysis.quantities import batch_edge
from tests.analysis.claims.worlds import replay

RUN = {"run.batch_size": 32, "run.subset_size": 64}


@pytest.fixture
def table() -> pd.DataFrame:
    """Curvature ratio 1/4, in sixteen steps that average to it; a half-life of images of 1/4 epoch."""
    rows, rng = [], np.random.default_rng(0)
    for factor in (1.0, 2.0):
        for seed in (0, 1):
            run = {**RUN, "run.factor": factor, "run.seed": seed, "record": f"{factor} {seed}"}
            for step in range(16):
                for metric, value in (("gradient_gain", 0.4), ("gradient_penalty", 0.1)):
                    row = {"kind": "StepBudget", "split": "current", "metric": metric}
                    rows.append(
                        run | row | {"step": step, "epoch": 5 + step / 16, "value": value * (0.5 + step % 2)}
                    )
            found = replay(rng, 5, 1.0, 0.25, 0.0, 0.4, 1e-4)
            rows += (run | {"kind": "Replay", **row} for row in found.to_dict("records"))
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
    np.testing.assert_allclose(found["ratio"], 0.75, atol=0.01)


def test_a_model_that_remembers_nothing_has_no_forgetting_ratio(table):
    table.loc[table["split"] == "fresh_view", "value"] = 9.0
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


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.9, False), (0.9, True), (0.5, True), (0.0, False)])
def test_the_marks_are_the_levels_of_the_optimizer_that_trained(table, momentum, nesterov):
    """Where second moments of SGD's own steps start to grow: of batches alike, and of batches all noise."""
    sgd = {"optimizer.kind": "sgd", "optimizer.momentum": momentum, "optimizer.nesterov": nesterov}
    figure = draw(table.assign(**sgd))
    lines = [line for line in figure.axes[0].lines if line.get_gid() == "level"]
    levels = [float(np.asarray(line.get_ydata())[0]) for line in lines]
    edges = {batch_edge(excess, momentum, nesterov) / 2 for excess in (1e6, 0)}  # of rate x sharpness
    assert sorted(set(levels)) == pytest.approx(sorted({round(edge, 4) for edge in edges}), rel=1e-3)
    assert all(f"{level:.2g}: " in str(figure.get_label()) for level in levels)
    assert not [line for line in figure.axes[-1].lines if line.get_gid() == "level"]


def test_optimizers_without_levels_have_no_marks(table):
    adam = {"optimizer.kind": "adam", "optimizer.momentum": 0.9, "optimizer.nesterov": False}
    assert marks(table.assign(**adam)) == {}
    assert marks(table) == {}
