import numpy as np
import pandas as pd
import pytest

from analysis.interventions import effects


@pytest.fixture
def table() -> pd.DataFrame:
    """Two seeds; a swap lowers window A's loss by 0.1, the seeds' own levels differ by far more."""
    rows = []
    for seed in (0, 1):
        for change, shift in (("untouched", 0.0), ("swap", -0.1)):
            about = {"kind": "Intervention", "run.factor": 4.0, "run.seed": seed, "change": change}
            about |= {"config.epoch": 8}
            for since in (0.5, 1.0):
                row = {"epoch": 8 + since, "split": "window_a", "metric": "loss", "value": seed + 2 + shift}
                rows.append(about | row)
            rows.append(about | {"epoch": 8.0, "split": "audit", "metric": "key_0", "value": seed})
            rows.append(
                about | {"epoch": 8.0, "split": "audit", "metric": "statistics_checksum", "value": 7 + seed}
            )
    return pd.DataFrame(rows)


def test_an_effect_is_the_difference_within_a_seed(table):
    found = effects(table, "swap", 4.0, "window_a")
    assert found.index.tolist() == [0.5, 1.0]
    np.testing.assert_allclose(found, -0.1)


@pytest.mark.parametrize("fact", ["key_0", "statistics_checksum"])
def test_runs_that_do_not_pair_are_not_compared(table, fact):
    wrong = (table["metric"] == fact) & (table["change"] == "swap") & (table["run.seed"] == 1)
    table.loc[wrong, "value"] = 99
    with pytest.raises(AssertionError, match="does not pair"):
        effects(table, "swap", 4.0, "window_a")
