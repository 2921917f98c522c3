from experiments.train import PRESETS
from research.augmentations.crop import Crop
from research.augmentations.flip import Flip
from research.models.resnet import ResNet
from research.optimizers.sgd import SGD


def test_the_articles_batch_512_recipe():
    (run,) = {run for run in PRESETS["paper"].runs() if run.seed == 0}
    assert (run.batch_size, run.factor, run.epochs) == (512, 1.1, 35)
    assert run.model == ResNet(width=64)
    assert run.optimizer == SGD(momentum=0.9, nesterov=True, weight_decay=5e-4)
    assert run.augmentation == (Crop(4), Flip())
    assert len(PRESETS["paper"].runs()) == 5  # the article's claim is about five runs
