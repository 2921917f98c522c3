"""Images and labels in the forms that people keep them in."""

import numpy as np
import pytest

from research.data import from_arrays
from research.errors import InvalidInput

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 8, 8, 3), np.uint8)
TEST_IMAGES = RNG.integers(0, 256, (12, 8, 8, 3), np.uint8)
LABELS, TEST_LABELS = np.arange(40) % 4, np.arange(12) % 4
NAMES = np.array(["bird", "cat", "dog", "frog"])


def read(images=IMAGES, labels=LABELS, test_images=TEST_IMAGES, test_labels=TEST_LABELS):
    return from_arrays("mine", "mine.npz", (images, labels), (test_images, test_labels))


PLAIN = read()


def same(found):
    np.testing.assert_array_equal(found.train_images, PLAIN.train_images)
    np.testing.assert_array_equal(found.test_images, PLAIN.test_images)
    np.testing.assert_array_equal(found.train_labels, PLAIN.train_labels)
    np.testing.assert_array_equal(found.test_labels, PLAIN.test_labels)
    assert found.fingerprint == PLAIN.fingerprint


class TestImages:
    @pytest.mark.parametrize(
        "change",
        [
            lambda x: x / 1.0,
            lambda x: (x / 1.0).astype(np.float32),
            lambda x: (x / 1.0).astype(np.float16),
            lambda x: (x / 255).astype(np.float32),
            lambda x: x / 255,
            lambda x: x.astype(np.int64),
            lambda x: x.astype(">u2"),
            lambda x: np.asfortranarray(x),
            lambda x: x.transpose(0, 3, 1, 2),
            lambda x: x.transpose(0, 3, 1, 2) / 255,
        ],
    )
    def test_other_types_and_channels_first_are_the_same_images(self, change):
        same(read(images=change(IMAGES), test_images=change(TEST_IMAGES)))

    def test_channels_first_is_said(self):
        found = read(images=IMAGES.transpose(0, 3, 1, 2), test_images=TEST_IMAGES.transpose(0, 3, 1, 2))
        assert found.notes == ("mine.npz: images (40, 3, 8, 8) are taken as channels first",)
        assert PLAIN.notes == ()

    def test_images_of_8_bits_that_are_all_0_or_1_are_black_and_white(self):
        found = read(images=IMAGES // 128, test_images=TEST_IMAGES // 128)
        assert set(np.unique(found.train_images)) == {0, 255}
        assert found.notes == ("mine.npz: images in 0 .. 1 are taken times 255",)

    def test_masks_are_black_and_white(self):
        found = read(images=IMAGES > 127, test_images=TEST_IMAGES > 127)
        np.testing.assert_array_equal(found.train_images, np.where(IMAGES > 127, 255, 0))

    @pytest.mark.parametrize("small", [lambda x: x / 255, lambda x: x > 127, lambda x: x // 128])
    @pytest.mark.parametrize("large", [lambda x: x, lambda x: x / 1.0, lambda x: x.astype(np.uint16)])
    def test_splits_on_two_scales_are_refused_and_both_named(self, small, large):
        with pytest.raises(
            InvalidInput, match=r"train_images is .* 1': must be on the .* test_images, .* 255"
        ):
            read(images=small(IMAGES), test_images=large(TEST_IMAGES))
        with pytest.raises(
            InvalidInput, match=r"test_images is .* 1': must be on the .* train_images, .* 255"
        ):
            read(images=large(IMAGES), test_images=small(TEST_IMAGES))

    def test_splits_of_different_types_on_one_scale_are_read(self):
        same(read(images=IMAGES / 1.0))
        found = read(images=IMAGES > 127, test_images=TEST_IMAGES // 128 / 1.0)
        np.testing.assert_array_equal(found.test_images, np.where(TEST_IMAGES > 127, 255, 0))

    def test_a_black_split_is_on_every_scale(self):
        assert read(images=IMAGES / 255, test_images=0 * TEST_IMAGES).test_images.max() == 0

    @pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("split", ["train", "test"])
    def test_what_is_not_finite_is_refused_by_name_in_every_split(self, kind, bad, split):
        images = {"train": IMAGES.astype(kind), "test": TEST_IMAGES.astype(kind)}
        images[split][3, 2, 1, 0] = bad
        with pytest.raises(InvalidInput) as caught:
            read(images=images["train"], test_images=images["test"])
        named = "NaN" if np.isnan(bad) else "infinity"
        assert (
            str(caught.value)
            == f"mine.npz: {split}_images is '{np.dtype(kind)} with {named}': must be finite"
        )

    def test_without_an_axis_of_channels_there_is_one(self):
        found = read(images=IMAGES[..., 0], test_images=TEST_IMAGES[..., 0])
        np.testing.assert_array_equal(found.train_images, IMAGES[..., :1])

    def test_many_channels_last_are_kept(self):
        found = read(
            images=np.zeros((40, 8, 8, 13), np.uint8), test_images=np.zeros((12, 8, 8, 13), np.uint8)
        )
        assert found.train_images.shape == (40, 8, 8, 13)

    @pytest.mark.parametrize(
        ("images", "said"),
        [
            (
                IMAGES.reshape(40, -1),
                "train_images is 'uint8 (40, 192)': must be numbers in 0 .. 255 or in 0 .. 1, of shape",
            ),
            (IMAGES[:0], "train_images is 'uint8 (0, 8, 8, 3)'"),
            (IMAGES[:, :, :0], "train_images is 'uint8 (40, 8, 0, 3)'"),
            (np.zeros((40, 3, 8, 3), np.uint8), "may have its channels first or last"),
            (np.zeros((40, 13, 8, 8), np.uint8), "may have its channels first or last"),
            (IMAGES[..., None], "train_images is 'uint8 (40, 8, 8, 3, 1)': must be numbers in"),
            (IMAGES / 127.5 - 1, "float64 from -1 to 1': must be in 0 .. 255"),
            (IMAGES * 257.0, "from 0 to 65535': must be in 0 .. 255"),
            (IMAGES.astype(np.uint16) * 257, "(257 for 16 bits)"),
            (IMAGES / 255 * 1.01, "float64 from 0 to 1.01': must be in 0 .. 255, or in 0 .. 1; clip"),
            (np.array([["a"]] * 40), "must be numbers"),
            (IMAGES.astype(complex), "must be numbers"),
        ],
    )
    def test_what_is_no_image_is_refused(self, images, said):
        with pytest.raises(InvalidInput) as caught:
            read(images=images)
        assert said in str(caught.value)

    def test_splits_of_different_shape_are_refused(self):
        with pytest.raises(
            InvalidInput, match=r"test_images is \(4, 4, 3\): must have the shape of train_images"
        ):
            read(test_images=TEST_IMAGES[:, :4, :4])


class TestLabels:
    @pytest.mark.parametrize(
        "change",
        [
            lambda y: y[:, None],
            lambda y: y.astype(np.uint8)[:, None],
            lambda y: y / 1.0,
            lambda y: np.eye(4)[y],
            lambda y: np.eye(4, dtype=bool)[y],
            lambda y: y.astype(object),
            lambda y: y.astype(str),
            lambda y: y.tolist(),
            lambda y: NAMES[y],
            lambda y: NAMES[y].astype(object),
            lambda y: NAMES[y].astype("S"),
            lambda y: np.array([name.encode() for name in NAMES[y]], object),
            lambda y: NAMES[y][:, None],
        ],
    )
    def test_other_forms_are_the_same_labels(self, change):
        found = read(labels=change(LABELS), test_labels=change(TEST_LABELS))
        same(found)
        assert found.notes == ()

    def test_numbers_as_text_are_in_the_order_of_numbers(self):
        labels = np.arange(40) % 12
        found = read(labels=labels.astype(str), test_labels=np.arange(12).astype(str))
        np.testing.assert_array_equal(found.train_labels, labels)

    @pytest.mark.parametrize("change", [lambda y: y + 1, lambda y: 10 * y])
    def test_numbers_with_gaps_are_numbered_anew_and_that_is_said(self, change):
        found = read(labels=change(LABELS), test_labels=change(TEST_LABELS))
        same(found)
        assert "are taken as classes 0 .. 3" in found.notes[0]

    @pytest.mark.parametrize(
        ("labels", "said"),
        [
            (LABELS[:39], "39 labels': must be one for each of the 40 images"),
            (LABELS - 1, "train_labels is -1: must be class numbers from 0 up"),
            (LABELS * 0, "must name at least two classes"),
            (LABELS + 0.5, "must be whole numbers, or names"),
            (np.where(LABELS == 0, np.nan, LABELS), "must be whole numbers, or names"),
            (np.ones((40, 4)), "rows of several are not one-hot"),
            (np.eye(4)[LABELS] * 0.9, "rows of several are not one-hot"),
            (np.zeros((40, 2, 2)), "must be integers of shape (N,)"),
            (LABELS + 1j, "must be integers of shape (N,)"),
            (np.array([{1: 2}] * 40), "must be integers of shape (N,)"),
            (NAMES[LABELS], "test_labels is 0: must be among the classes of train_labels"),
        ],
    )
    def test_what_is_no_label_is_refused(self, labels, said):
        with pytest.raises(InvalidInput) as caught:
            read(labels=labels)
        assert said in str(caught.value)

    def test_a_class_without_training_images_is_refused(self):
        with pytest.raises(InvalidInput, match="test_labels is 4: must be among the classes of train_labels"):
            read(test_labels=np.arange(12) % 5)

    def test_row_numbers_are_no_classes(self):
        images = np.zeros((10_001, 8, 8, 3), np.uint8)
        with pytest.raises(InvalidInput, match="10001 classes': must be at most 10,000"):
            read(images=images, labels=np.arange(10_001))


class TestWithoutTestImages:
    def test_a_fifth_of_each_class_is_held_out_always_the_same(self):
        first, second = (from_arrays("mine", "mine.npz", (IMAGES, LABELS), None) for _ in range(2))
        assert np.bincount(first.test_labels).tolist() == [2, 2, 2, 2]
        assert len(first.train_labels) == 32
        np.testing.assert_array_equal(first.test_images, second.test_images)
        assert first.notes == ("mine.npz has no test images: 8 of its 40 are held out",)

    def test_no_image_is_in_both(self):
        found = from_arrays("mine", "mine.npz", (IMAGES, LABELS), None)
        rows = {image.tobytes() for image in IMAGES}
        train, test = (
            {image.tobytes() for image in part} for part in (found.train_images, found.test_images)
        )
        assert train | test == rows
        assert not train & test


def test_the_fingerprint_is_of_every_pixel_and_label():
    changed = IMAGES.copy()
    changed[7, 7, 7, 2] ^= 1
    others = {read(images=changed).fingerprint, read(labels=LABELS[::-1].copy()).fingerprint}
    assert len(others | {PLAIN.fingerprint}) == 3
