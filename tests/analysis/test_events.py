import pandas as pd

from analysis.events import at_the_end, through_training


def test_numbers_stand_by_batch_size_factor_and_seed():
    table = pd.DataFrame(
        {
            "kind": "Events",
            "split": ["train"] * 4 + ["seen"] * 4,
            "metric": ["events"] * 4 + ["forgotten"] * 4,
            "run.batch_size": [32, 32, 128, 128] * 2,
            "run.factor": 1.0,
            "run.seed": [0, 1] * 4,
            "epoch": 2.0,
            "value": range(8),
        }
    )
    assert at_the_end(table, "events").loc[(128, 1.0)].tolist() == [2, 3]
    assert through_training(table, 32).loc[(1.0, 2.0)].tolist() == [4, 5]
