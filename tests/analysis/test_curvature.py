import numpy as np
import pandas as pd

from analysis.curvature import normalised


def test_sharpness_is_multiplied_by_the_rate_of_its_own_moment():
    rows = [
        (epoch, seed, split, metric, value)
        for seed in (0, 1)
        for epoch, rate in ((1.0, 0.1), (2.0, 0.4))
        for split, metric, value in (
            ("train", "top_eigenvalue", 5.0 + seed),
            ("optimizer", "learning_rate", rate),
        )
    ]
    table = pd.DataFrame(rows, columns=["epoch", "run.seed", "split", "metric", "value"])
    np.testing.assert_allclose(normalised(table, "train", "top_eigenvalue"), [[0.5, 0.6], [2.0, 2.4]])
