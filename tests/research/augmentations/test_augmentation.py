"""A sequence of augmentations against the operations done one after the other, in NumPy."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.augmentations import Augmentation, augmented, require_fitting
from research.augmentations.crop import Crop
from research.augmentations.cutout import Cutout
from research.augmentations.flip import Flip
from research.errors import InvalidInput

KEY = jax.random.key(3)
ROWS = jnp.asarray([5, 0, 7, 7, 2, 1])
# 8 images of 6 x 9: sides of different lengths, so that rows and columns cannot be mistaken for each other.
SOURCE = np.random.default_rng(0).integers(0, 256, (8, 6, 9, 3)).astype(np.uint8)


def keys_of(sequence):
    """The key that each of a sequence is given."""
    return jax.random.split(KEY, max(2, len(sequence)))


def cropped(key, images, padding):
    corners = np.asarray(jax.random.randint(key, (len(images), 2), -padding, padding + 1)) + padding
    padded = np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)), mode="reflect")
    height, width = images.shape[1:3]
    return np.stack(
        [image[y : y + height, x : x + width] for image, (y, x) in zip(padded, corners, strict=True)]
    )


def flipped(key, images):
    flips = np.asarray(jax.random.bernoulli(key, shape=(len(images),)))
    return np.stack([image[:, ::-1] if flip else image for image, flip in zip(images, flips, strict=True)])


def greyed(key, images, size):
    row_key, column_key = jax.random.split(key)
    result = images.copy()
    height, width = images.shape[1:3]
    top = np.asarray(jax.random.randint(row_key, (len(images), 1), 0, height))[:, 0] - size // 2
    left = np.asarray(jax.random.randint(column_key, (len(images), 1), 0, width))[:, 0] - size // 2
    for image, y, x in zip(result, top, left, strict=True):
        image[max(0, y) : max(0, y + size), max(0, x) : max(0, x + size)] = 128
    return result


def by_numpy(sequence):
    images = SOURCE[np.asarray(ROWS)]
    for one, key in zip(sequence, keys_of(sequence), strict=False):
        match one:
            case Crop(padding):
                images = cropped(key, images, padding)
            case Flip():
                images = flipped(key, images)
            case Cutout(size):
                images = greyed(key, images, size)
    return images


SEQUENCES = [
    (),
    (Crop(2),),
    (Flip(),),
    (Crop(2), Flip()),
    (Flip(), Crop(5)),
    (Crop(1), Crop(3), Flip(), Flip()),
    (Cutout(4),),
    (Crop(2), Flip(), Cutout(3)),
    (Cutout(6), Cutout(1)),
]


@pytest.mark.parametrize(
    "sequence", SEQUENCES, ids=lambda s: "+".join(one.member_name() for one in s) or "none"
)
def test_a_sequence_is_its_operations_one_after_the_other(sequence):
    found = jax.jit(lambda rows: augmented(sequence, KEY, jnp.asarray(SOURCE), rows))(ROWS)
    np.testing.assert_array_equal(found, by_numpy(sequence))


@pytest.mark.parametrize(
    "sequence", [(Crop(2), Flip()), (Flip(), Crop(1), Crop(2), Flip())], ids=["two", "four"]
)
def test_movements_are_one_gather_however_many_there_are(sequence):
    """No image is written in between: of the data set one gather is taken, as without augmentation."""

    def gathers_of_pixels(sequence):
        text = jax.jit(lambda rows: augmented(sequence, KEY, jnp.asarray(SOURCE), rows)).lower(ROWS).as_text()
        return sum("gather" in line and "ui8" in line for line in text.splitlines())

    assert gathers_of_pixels(sequence) == gathers_of_pixels(()) >= 1


def test_values_are_changed_after_all_that_moves():
    """Wherever a cutout stands in the sequence, its square is whole: no crop cuts or mirrors it."""
    crop_key, cutout_key = keys_of("ab")[1], keys_of("ab")[0]
    found = augmented((Cutout(4), Crop(2)), KEY, jnp.asarray(SOURCE), ROWS)
    moved = cropped(crop_key, SOURCE[np.asarray(ROWS)], 2)
    np.testing.assert_array_equal(found, greyed(cutout_key, moved, 4))


def test_cutouts_square_is_grey_of_its_size_and_anywhere():
    """Inside the image it is size x size; all middles are equally likely; the rest is as it was."""
    size, count = 3, 2000
    black = jnp.zeros((1, 6, 9, 1), jnp.uint8)
    found = np.asarray(augmented((Cutout(size),), KEY, black, jnp.zeros(count, jnp.int32)))[..., 0]
    assert set(np.unique(found)) == {0, 128}
    grey = found == 128
    rows, columns = grey.any(2), grey.any(1)
    np.testing.assert_array_equal(grey, rows[:, :, None] & columns[:, None, :])
    places = []
    for inside in (rows, columns):
        length, first = inside.sum(1), inside.argmax(1)
        assert (length.min(), length.max()) == (size - size // 2, size)  # the middle itself is always inside
        places.append(np.where(first == 0, length - size, first))  # of the square's first row, or column
    # Each of the 6 x 9 middles: the 99.9% point of chi-squared with 53 degrees of freedom is 90.6.
    _, counts = np.unique(np.stack(places), axis=1, return_counts=True)
    assert len(counts) == 54
    assert ((counts - count / 54) ** 2 / (count / 54)).sum() < 90.6


def test_each_is_drawn_for_every_image_by_itself():
    """Copies of one image come out differently."""
    copies = jnp.zeros(64, jnp.int32)
    for one in (Crop(2), Flip(), Cutout(3)):
        found = np.asarray(augmented((one,), KEY, jnp.asarray(SOURCE), copies))
        assert len({image.tobytes() for image in found}) > 1


@pytest.mark.parametrize("name", list(Augmentation.members()))
def test_every_augmentation_is_pure_and_keeps_shape_and_type(name):
    """The contract of the family, on every member that there is."""
    one = Augmentation.members()[name]()
    source = jnp.asarray(np.random.default_rng(1).integers(0, 256, (4, 32, 32, 3)).astype(np.uint8))
    require_fitting((one,), (32, 32, 3))
    rows = jnp.asarray([0, 1, 1, 3])
    found, again = (augmented((one,), KEY, source, rows) for _ in range(2))
    assert (found.shape, found.dtype) == ((4, 32, 32, 3), jnp.uint8)
    np.testing.assert_array_equal(found, again)


@dataclass(frozen=True)
class Upwards(Augmentation):
    """Moves every image one row up, the first row coming in from below."""

    def sources(self, key, rows, columns, shape):
        del key
        return (rows + 1) % shape[0], columns


def test_a_movement_of_ones_own_takes_its_place_in_the_sequence():
    found = augmented((Upwards(), Flip(), Upwards()), KEY, jnp.asarray(SOURCE), ROWS)
    moved = np.roll(flipped(keys_of("abc")[1], SOURCE[np.asarray(ROWS)]), -2, axis=1)
    np.testing.assert_array_equal(found, moved)


@pytest.mark.parametrize(
    ("make", "field"), [(lambda: Crop(-1), "padding is -1"), (lambda: Cutout(0), "size is 0")]
)
def test_values_that_make_no_augmentation_are_refused(make, field):
    with pytest.raises(InvalidInput, match=f"augmentation.{field}"):
        make()


@pytest.mark.parametrize(("one", "field"), [(Crop(6), "padding is 6"), (Cutout(7), "size is 7")])
def test_images_too_small_for_it_are_refused(one, field):
    with pytest.raises(InvalidInput, match=f"augmentation.{field}"):
        require_fitting((Flip(), one), (6, 9, 3))
