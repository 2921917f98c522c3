"""B13 where the rule before was fooled.

Each test keeps the formula of the rule that was there before, and a world in which it is fooled.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.claims.dataset_size import lost_share
from analysis.dataset_scale import extrapolated
from tests.analysis.claims.old_rules import word
from tests.analysis.claims.worlds import replay

SIZES = (512, 1024, 2048, 4096)


def against_the_next_epoch(found: pd.DataFrame) -> float:
    """The forgetting ratio as it was: the share of the newest batches' advantage gone half an epoch later."""
    level = found.loc[found["split"] == "next_epoch", "value"].mean()
    seen = found[found["split"] == "seen"]
    ago = 4 - seen["epoch"]
    newest, older = (
        level - seen.loc[(ago > low) & (ago <= high), "value"].mean()
        for low, high in ((0, 1 / 8), (3 / 8, 5 / 8))
    )
    return float(1 - older / newest)


@pytest.mark.parametrize("life", [0.05, 0.3, 1, 10, 100])
def test_the_forgetting_ratio_was_one_whatever_the_memory_of_images_is(life):
    found = replay(np.random.default_rng(0), 4, 1.0, life, 0.0, 0.3, 0.0, batches=64)
    assert against_the_next_epoch(found) == pytest.approx(1.1, abs=0.12)


def test_b13_saw_nothing_where_more_is_forgotten_on_larger_sets():
    """Half-lives of eight epochs down to one: of the advantage, more and more is gone within an epoch."""
    rng, tables, slopes = np.random.default_rng(0), [], []
    for seed in range(4):
        ratios = []
        for size, life in zip(SIZES, (8.0, 4.0, 2.0, 1.0), strict=True):
            found = replay(rng, 4, 1.0, life, 0.0, 0.5, 0.002, batches=size // 32)
            ratios.append(against_the_next_epoch(found))
            facts = {"run.subset_size": size, "run.batch_size": 32, "run.factor": 2.0, "run.seed": seed}
            tables.append(found.assign(kind="Replay", metric="loss", record=f"{seed} {size}", **facts))
        slopes.append(np.polyfit(np.log2(SIZES), np.log2(ratios), 1)[0])
    runs = pd.DataFrame({"kind": "RunConfig", "seed": range(4)})
    now = lost_share(pd.concat([runs, *tables], ignore_index=True))
    assert word(slopes, low=0) != "supported"
    assert word(now, low=0) == "supported"


def test_the_extrapolation_took_points_of_one_seed_for_independent():
    rng, sizes, far = np.random.default_rng(0), np.array([512, 1024, 2048, 4096, 8192.0]), np.array([2.0**20])
    held = {"points": 0, "seeds": 0}
    for _ in range(300):
        # A seed has a level and a power of its own: they are scatter around the law's, at 1 throughout.
        x = np.log2(sizes)[:, None] - 11
        logs = 0.3 * rng.normal(size=3) + 0.2 * rng.normal(size=3) * x + 0.05 * rng.normal(size=(5, 3))
        _, low, high = extrapolated(pd.DataFrame(2**logs, sizes), far)
        held["seeds"] += low[0] < 1 < high[0]
        at, y = np.repeat(x[:, 0], 3), logs.ravel()
        fit = np.polyfit(at, y, 1)
        spread = ((y - np.polyval(fit, at)) ** 2).sum() / (len(at) - 2)
        error = np.sqrt(spread * (1 / len(at) + (9 - at.mean()) ** 2 / ((at - at.mean()) ** 2).sum()))
        held["points"] += abs(np.polyval(fit, 9)) < stats.t.isf(0.025, len(at) - 2) * error
    assert held["points"] < 0.85 * 300
    assert held["seeds"] > 0.92 * 300
