import jax
import numpy as np
import pytest

from research.errors import InvalidInput
from research.gradients.fresh_noise import FreshNoise
from research.gradients.mean import MeanGradient
from tests.research.gradients._updates import a_run, assert_trained
from tests.research.optimizers._training import by_train_step


def test_the_noise_is_of_gradients_at_the_weights_as_they_are(dataset, run):
    noisy = a_run(run, dataset, FreshNoise())
    assert_trained(noisy, dataset, lambda update, trace: trace[-1], by_train_step)


def test_before_it_starts_training_is_the_large_batchs_bit_for_bit(dataset, run):
    plain, noisy = (
        by_train_step(a_run(run, dataset, kind), dataset).params for kind in (MeanGradient(), FreshNoise(99))
    )
    jax.tree.map(np.testing.assert_array_equal, plain, noisy)


def test_it_starts_where_it_says(dataset, run):
    """Two updates an epoch: those of epoch 3 are the first with noise."""
    noisy = a_run(run, dataset, FreshNoise(3))
    assert_trained(noisy, dataset, lambda update, trace: trace[-1] if update >= 6 else None, by_train_step)


def test_a_start_that_is_no_epoch_is_refused():
    with pytest.raises(InvalidInput, match=r"gradient\.start is -1"):
        FreshNoise(-1)
