from research.gradients.mean import MeanGradient
from tests.research.gradients._updates import a_run, assert_trained
from tests.research.optimizers._training import by_train_step


def test_an_update_is_the_mean_over_its_passes(dataset, run):
    assert_trained(a_run(run, dataset, MeanGradient()), dataset, lambda *_: None, by_train_step)
