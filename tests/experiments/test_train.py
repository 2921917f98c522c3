from experiments.train import PRESETS


def test_the_articles_batch_512_recipe():
    (run,) = {run for run in PRESETS["paper"].runs() if run.seed == 0}
    assert (run.batch_size, run.factor, run.epochs, run.model.width) == (512, 1.1, 35, 64)
    assert (run.momentum, run.weight_decay, run.crop_padding) == (0.9, 5e-4, 4)
    assert len(PRESETS["paper"].runs()) == 5  # the article's claim is about five runs
