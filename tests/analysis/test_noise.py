import numpy as np
import pandas as pd
import pytest

from analysis.noise import exponents, relative_variances, scales


@pytest.fixture
def table() -> pd.DataFrame:
    """Variances that fall as size^-1 for batch 32's moments of two seeds, at two levels."""
    rows = [
        {"split": split, "metric": f"variance_{size}", "run.seed": seed, "value": (1 + seed) * size**power}
        for split, power in (("batch", -0.5), ("running", -1.0))
        for seed in (0, 1)
        for size in (4, 16, 64)
    ]
    rows += [
        {"split": "scale", "metric": metric, "run.seed": seed, "value": value}
        for metric, values in (("signal", (0.1, -0.1)), ("simple", (300.0, -200.0)), ("full", (80.0, 90.0)))
        for seed, value in enumerate(values)
    ]
    run = {"run.batch_size": 32, "run.subset_size": 64, "run.factor": 1.0, "epoch": 5.0}
    return pd.DataFrame(rows).assign(kind="GradientNoise", **run)


def test_variances_are_relative_to_the_smallest_batch_of_their_own_moment(table):
    np.testing.assert_allclose(relative_variances(table, "running").T, [[1, 1 / 4, 1 / 16]] * 2)


def test_the_exponent_is_the_power_of_the_size(table):
    np.testing.assert_allclose(exponents(table, "running"), -1)
    np.testing.assert_allclose(exponents(table, "batch"), -0.5)


def test_a_signal_lost_in_noise_has_no_scale(table):
    assert scales(table, "simple").loc[(1.0, 5.0)].tolist()[0] == 300
    for which in ("simple", "full"):
        assert np.isnan(scales(table, which).loc[(1.0, 5.0), 1])
