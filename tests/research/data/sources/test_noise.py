import numpy as np

from research import data
from research.data import DataConfig


def test_pixels_are_white_and_labels_know_nothing_of_them():
    found = data.load(DataConfig("noise", train_size=4000, test_size=100, image_size=4))
    pixels = (found.train_images.reshape(4000, -1) - found.mean) / found.std
    covariance = np.cov(pixels.T)
    np.testing.assert_allclose(covariance, np.eye(16), atol=0.08)  # five standard errors
    of_class = [pixels[found.train_labels == label].mean(0) for label in range(found.classes)]
    np.testing.assert_allclose(of_class, np.zeros((2, 16)), atol=0.12)


def test_the_same_noise_comes_again():
    config = DataConfig("noise", train_size=64, test_size=8, image_size=4)
    np.testing.assert_array_equal(data.load(config).train_images, data.load(config).train_images)
