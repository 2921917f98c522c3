from experiments.forgetting import PRESETS
from research.augmentations.crop import Crop
from research.augmentations.flip import Flip
from research.training.schedules import ARTICLE_FORGETTING


def test_the_articles_two_runs_at_each_rate():
    experiment = PRESETS["paper"]
    half, full = experiment.half(4, 0), experiment.full(4, 0)
    assert (half.subset_size, half.augmentation) == (22_500, ())
    assert (full.subset_size, full.augmentation) == (45_000, (Crop(4), Flip()))  # a tenth is never seen
    assert {run.factor for run in experiment.runs()} == {4, 1 / 4}
    assert {run.schedule for run in experiment.runs()} == {ARTICLE_FORGETTING}
    assert all(run.epochs == 30 and run.batch_size == 128 for run in experiment.runs())


def test_only_the_full_runs_are_replayed():
    for experiment in PRESETS.values():
        assert {item.run for item in experiment.measurements()} == {
            experiment.full(factor, seed) for factor in experiment.factors for seed in experiment.seed_range()
        }
