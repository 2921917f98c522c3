"""The embedded images: the same for the same config, and as hard as it says."""

import numpy as np

from research import data
from research.data import DataConfig, Synthetic
from research.data.sources.synthetic import make


def test_the_same_config_gives_the_same_images():
    first, second = (data.load(DataConfig(train_size=64, test_size=8, image_size=8)) for _ in range(2))
    np.testing.assert_array_equal(first.train_images, second.train_images)


def test_another_seed_gives_others():
    first = data.load(DataConfig(train_size=64, test_size=8, image_size=8))
    other = data.load(DataConfig(train_size=64, test_size=8, image_size=8, synthetic=Synthetic(seed=1)))
    assert (first.test_images != other.test_images).mean() > 0.5


def test_a_larger_set_begins_with_the_smaller_one():
    sizes = {"test_size": 1, "image_size": 8}
    small = make(Synthetic(), train_size=1500, **sizes)
    large = make(Synthetic(), train_size=2100, **sizes)
    np.testing.assert_array_equal(large.train_images[:1500], small.train_images)


def test_a_nearest_prototype_rule_beats_chance_by_far_without_nuisance_and_noise():
    """The classes differ in their patterns, whatever the shift: their spectra tell them apart."""
    easy = Synthetic(prototypes=1, nuisance=0.0, noise=0.0)
    found = data.load(DataConfig(train_size=400, test_size=200, image_size=16, synthetic=easy))

    def spectrum(images):
        power = np.abs(np.fft.fft2(images - images.mean((1, 2), keepdims=True), axes=(1, 2)))
        return power.reshape(len(images), -1)

    train, test = spectrum(found.train_images), spectrum(found.test_images)
    means = np.stack([train[found.train_labels == c].mean(0) for c in range(10)])
    guess = ((test[:, None] - means) ** 2).sum(-1).argmin(1)
    assert (guess == found.test_labels).mean() > 0.9


def test_nuisance_and_noise_set_the_difficulty():
    spread = [
        data.load(
            DataConfig(train_size=64, test_size=8, image_size=8, synthetic=Synthetic(noise=noise))
        ).std.mean()
        for noise in (0.0, 1.0)
    ]
    assert spread[1] > spread[0] * 1.1
