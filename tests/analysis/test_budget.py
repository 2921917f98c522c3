import numpy as np
import pandas as pd
import pytest

from analysis.budget import draw, ratios

VALUES = {
    ("current", "gradient_gain"): 0.4,
    ("current", "gradient_penalty"): 0.1,
    ("current", "change"): -0.2,
    ("recent", "change"): 0.01,
    ("recent", "half_epoch"): 10.0,
}


@pytest.fixture
def table() -> pd.DataFrame:
    """Curvature ratio 1/4 and forgetting ratio 1/2, in two steps that average to them."""
    budgets = [
        {
            "kind": "StepBudget",
            "run.batch_size": 32,
            "run.subset_size": 64,
            "run.factor": factor,
            "run.seed": seed,
            "step": step,
            "split": split,
            "metric": metric,
            "value": value * (1 if metric == "half_epoch" else 0.5 + step),
        }
        for factor in (1.0, 2.0)
        for seed in (0, 1)
        for step in (0, 1)
        for (split, metric), value in VALUES.items()
    ]
    runs = [{"kind": "RunConfig", "batch_size": 32, "subset_size": 64, "factor": f} for f in (1.0, 2.0, 4.0)]
    return pd.DataFrame([*budgets, *runs])


def test_ratios_are_of_the_means_over_the_steps(table):
    found = ratios(table)
    assert len(found) == 4
    np.testing.assert_allclose(found["curvature"], 0.25)
    np.testing.assert_allclose(found["forgetting"], 0.5)


def test_steps_that_gain_nothing_forget_without_limit(table):
    table.loc[(table["split"] == "current") & (table["metric"] == "change"), "value"] *= -1
    assert np.isinf(ratios(table)["forgetting"]).all()


def test_the_figure_marks_what_diverged_before_it_could_be_measured(table):
    figure = draw(table)
    curvature = figure.axes[0]
    assert curvature.get_ylabel() == "curvature ratio"
    np.testing.assert_allclose(np.asarray(curvature.lines[1].get_ydata()), 0.25)
    crosses = np.asarray(curvature.collections[-1].get_offsets())
    np.testing.assert_allclose(crosses, [[4.0, 0.95]])
