"""Resizing by area, against areas worked out in another way."""

import numpy as np
import pytest

from research.data._resize import resize

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 28, 28, 3), np.uint8)


@pytest.mark.parametrize("size", [1, 2, 4, 7, 14])
def test_whole_blocks_are_averaged_as_published_records_have_it(size):
    k = 28 // size
    blocks = IMAGES.reshape(5, size, k, size, k, 3).mean((2, 4), dtype=np.float32)
    np.testing.assert_array_equal(resize(IMAGES, size), np.round(blocks))


@pytest.mark.parametrize("size", [3, 13, 16, 20, 27, 30, 64])
def test_a_pixel_is_the_mean_of_the_area_that_it_covers(size):
    """Repeated `size` times, an image is made of whole blocks at any size."""
    fine = IMAGES.repeat(size, 1).repeat(size, 2).reshape(5, size, 28, size, 28, 3)
    np.testing.assert_array_equal(resize(IMAGES, size), np.round(fine.mean((2, 4))))


def test_images_that_are_not_square_become_so():
    wide = np.arange(12, dtype=np.uint8).reshape(1, 2, 6, 1)
    np.testing.assert_array_equal(resize(wide, 2)[0, :, :, 0], [[1, 4], [7, 10]])


def test_the_mean_is_kept():
    assert abs(resize(IMAGES, 16).mean() - IMAGES.mean()) < 2


@pytest.mark.parametrize("channels", [1, 2, 4, 13])
def test_each_channel_is_resized_alone(channels):
    images = np.random.default_rng(1).integers(0, 256, (2, 10, 12, channels), np.uint8)
    alone = [resize(images[..., k : k + 1], 5) for k in range(channels)]
    np.testing.assert_array_equal(resize(images, 5), np.concatenate(alone, -1))


def test_a_larger_size_repeats_pixels():
    np.testing.assert_array_equal(resize(IMAGES, 56), IMAGES.repeat(2, 1).repeat(2, 2))


def test_the_same_size_is_the_same_array():
    assert resize(IMAGES, 28) is IMAGES
