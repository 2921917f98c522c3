from collections import Counter

from experiments.lr_sweep import PRESETS
from research.training.schedules import ARTICLE


def test_the_articles_grid():
    runs = PRESETS["paper"].runs()
    assert len(set(runs)) == len(runs) == 12 * 4 * 2
    assert {run.factor for run in runs} >= {1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16}
    assert Counter(run.subset_size for run in runs) == {6250: 24, 12500: 24, 25000: 24, 50000: 24}
    assert {run.batch_size for run in runs} == {128, 512}
    assert {run.schedule for run in runs} == {ARTICLE}


def test_quick_has_both_batch_sizes_and_two_seeds():
    runs = PRESETS["quick"].runs()
    assert {run.seed for run in runs} == {0, 1}
    assert {run.batch_size for run in runs} == {32, 128}
