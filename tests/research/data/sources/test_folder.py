"""Folders of images by class, as people lay them out."""

import io

import numpy as np
import pytest
from PIL import Image

from research import data
from research.data import DataConfig
from research.errors import InvalidInput

RNG = np.random.default_rng(0)


def encoded(pixels, form="PNG", **options):
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, form, **options)
    return content.getvalue()


def colour(size=(8, 8)):
    return RNG.integers(0, 256, (*size, 3), np.uint8)


def write(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return DataConfig(str(root))


PIXELS = {
    f"{split}/{name}/{k}.png": colour()
    for split in ("train", "test")
    for name in ("cat", "dog")
    for k in (1, 2)
}
FILES = {name: encoded(pixels) for name, pixels in PIXELS.items()}


def test_train_and_test_are_read_classes_in_the_order_of_their_names(tmp_path):
    found = data.read(write(tmp_path / "pets", FILES))
    np.testing.assert_array_equal(found.train_images, [PIXELS[name] for name in list(PIXELS)[:4]])
    np.testing.assert_array_equal(found.test_images, [PIXELS[name] for name in list(PIXELS)[4:]])
    assert found.train_labels.tolist() == found.test_labels.tolist() == [0, 0, 1, 1]
    assert (found.title, found.notes) == ("pets", ())


def test_what_computers_leave_behind_is_passed_over(tmp_path):
    left = {
        "train/.DS_Store": b"",
        "train/cat/Thumbs.db": b"",
        "__MACOSX/train/cat/._1.png": b"",
        "train/cat/._1.png": b"",
    }
    found = data.read(write(tmp_path / "pets", FILES | left))
    assert found.fingerprint == data.read(write(tmp_path / "clean", FILES)).fingerprint


def test_a_validation_folder_is_left_out_beside_test_and_is_the_test_set_without(tmp_path):
    more = FILES | {f"val/{name}/1.png": encoded(colour()) for name in ("cat", "dog")}
    assert "validation images are left out" in data.read(write(tmp_path / "three", more)).notes[0]
    fewer = {name: content for name, content in more.items() if not name.startswith("test")}
    found = data.read(write(tmp_path / "two", fewer))
    assert len(found.test_images) == 2
    assert "validation images are the test images" in found.notes[0]


def test_classes_alone_are_split_always_the_same(tmp_path):
    files = {f"{name}/{k}.png": encoded(colour()) for name in ("cat", "dog") for k in range(10)}
    found = data.read(write(tmp_path / "one", files))
    assert np.bincount(found.test_labels).tolist() == [2, 2]
    np.testing.assert_array_equal(found.test_images, data.read(DataConfig(str(tmp_path / "one"))).test_images)


def test_numbers_are_classes_in_the_order_of_numbers(tmp_path):
    files = {f"train/{k}/1.png": encoded(np.full((4, 4), k, np.uint8)) for k in range(12)}
    found = data.read(write(tmp_path / "n", files | {"test/3/1.png": encoded(np.full((4, 4), 3, np.uint8))}))
    np.testing.assert_array_equal(found.train_images[:, 0, 0, 0], found.train_labels)


def test_images_of_several_sizes_are_resized_and_without_a_size_refused(tmp_path):
    files = {f"{name}/{k}.png": encoded(colour((8 + k, 8))) for name in ("cat", "dog") for k in range(5)}
    config = write(tmp_path / "sizes", files)
    with pytest.raises(InvalidInput, match=r"image_size is None.*several sizes.*--base.data.image-size"):
        data.read(config)
    four, six = (data.read(DataConfig(config.name, image_size=size)) for size in (4, 6))
    assert (four.train_images.shape, six.train_images.shape) == ((8, 4, 4, 3), (8, 6, 6, 3))
    assert four.fingerprint == six.fingerprint  # it is of the images as they are on disk
    assert "their proportions are lost" in four.notes[0]


def test_grey_images_have_one_channel_and_three_among_coloured_ones(tmp_path):
    grey = {f"{name}/{k}.png": encoded(colour()[..., 0]) for name in ("cat", "dog") for k in range(5)}
    assert data.read(write(tmp_path / "grey", grey)).train_images.shape == (8, 8, 8, 1)
    mixed = grey | {"dog/9.png": encoded(colour())}
    assert data.read(write(tmp_path / "mixed", mixed)).train_images.shape[3] == 3
    tests = FILES | {name: encoded(PIXELS[name][..., 0]) for name in FILES if name.startswith("test")}
    assert data.read(write(tmp_path / "one_split", tests)).test_images.shape[3] == 3


@pytest.mark.parametrize(
    ("form", "ending"), [("JPEG", "JPG"), ("BMP", "bmp"), ("GIF", "gif"), ("TIFF", "tif"), ("WEBP", "webp")]
)
def test_other_formats_are_read(tmp_path, form, ending):
    flat = np.full((8, 8, 3), 90, np.uint8)
    files = {f"{name}/{k}.{ending}": encoded(flat, form) for name in ("cat", "dog") for k in range(5)}
    found = data.read(write(tmp_path / "f", files))
    assert np.abs(found.train_images.astype(int) - 90).max() <= 2


def test_palettes_and_opacity_become_colours(tmp_path):
    opaque = np.concatenate([colour(), np.full((8, 8, 1), 255, np.uint8)], 2)
    palette = io.BytesIO()
    Image.fromarray(opaque[..., :3]).quantize(4).save(palette, "PNG")
    files = {f"{name}/{k}.png": encoded(opaque) for name in ("cat", "dog") for k in range(5)}
    found = data.read(write(tmp_path / "f", files | {"dog/9.png": palette.getvalue()}))
    np.testing.assert_array_equal(found.train_images[0], opaque[..., :3])


def test_a_photograph_that_was_taken_sideways_is_upright(tmp_path):
    tags = Image.Exif()
    tags[0x0112] = 6  # turn right by a quarter
    half = np.zeros((8, 8), np.uint8)
    half[:4] = 200
    files = {f"{name}/{k}.png": encoded(half, exif=tags) for name in ("cat", "dog") for k in range(5)}
    found = data.read(write(tmp_path / "f", files))
    np.testing.assert_array_equal(found.train_images[0, :, :, 0], np.rot90(half, -1))


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", FILES["train/cat/1.png"][:-30], encoded(RNG.integers(0, 99, (8, 8)).astype(np.uint16))],
)
def test_a_file_that_is_no_whole_image_is_named(tmp_path, content):
    with pytest.raises(InvalidInput, match=r"train/cat/2.png") as caught:
        data.read(write(tmp_path / "f", FILES | {"train/cat/2.png": content}))
    assert "\n" not in str(caught.value)


def test_a_split_without_class_folders_is_one_line(tmp_path):
    files = {
        name.replace("test/cat", "test"): content for name, content in FILES.items() if "test/dog" not in name
    }
    with pytest.raises(InvalidInput, match="test must hold a folder of images for each class"):
        data.read(write(tmp_path / "f", files))


@pytest.mark.parametrize(
    ("names", "deeper"),
    [
        (("animals/cat/1.png", "animals/dog/1.png", "things/car/1.png"), "animals/cat/1.png"),
        (("cat/1.png", "dog/1.png", "dog/old/2.png"), "dog/old/2.png"),
        (("cat/1.png", "dog/a/b/2.png"), "dog/a/b/2.png"),
        (("train/animals/cat/1.png", "train/things/car/1.png", "test/cat/1.png"), None),
        (("train/cat/1.png", "train/dog/1.png", "test/cat/1.png", "test/x/dog/1.png"), "test/x/dog/1.png"),
        (("train/cat/1.png", "train/dog/1.png", "val/cat/1.png", "val/x/dog/1.png"), "val/x/dog/1.png"),
    ],
)
def test_images_deeper_than_the_class_folders_are_refused(tmp_path, names, deeper):
    config = write(tmp_path / "f", {name: encoded(colour()) for name in names})
    with pytest.raises(InvalidInput, match="each class must be one folder of images") as caught:
        data.read(config)
    assert f"{tmp_path}/f/{deeper or names[0]} lies deeper" in str(caught.value)


def test_classes_whose_images_are_all_in_a_folder_of_one_name_are_read(tmp_path):
    """As Tiny ImageNet's are."""
    files = {f"{name}/{k}.png": encoded(colour()) for name in ("cat", "dog") for k in range(5)}
    deeper = {
        name.replace("cat/", "cat/images/").replace("dog/", "dog/images/"): c for name, c in files.items()
    }
    one, other = (data.read(write(tmp_path / where, each)) for where, each in (("a", files), ("b", deeper)))
    assert one.fingerprint == other.fingerprint


def test_a_linked_folder_in_a_class_is_refused_and_a_linked_class_is_read(tmp_path):
    config = write(tmp_path / "f", {f"{name}/{k}.png": encoded(colour()) for name in "ab" for k in range(5)})
    (tmp_path / "g").mkdir()
    for name in "ab":
        (tmp_path / "g" / name).symlink_to(tmp_path / "f" / name)
    assert data.read(DataConfig(str(tmp_path / "g"))).fingerprint == data.read(config).fingerprint
    (tmp_path / "f" / "a" / "self").symlink_to(tmp_path / "f")
    with pytest.raises(InvalidInput, match="each class must be one folder of images"):
        data.read(config)


def test_folders_without_images_and_hidden_ones_in_a_class_are_passed_over(tmp_path):
    left = {"train/cat/notes/1.txt": b"", "train/cat/.cache/1.png": FILES["train/cat/1.png"]}
    found = data.read(write(tmp_path / "pets", FILES | left))
    assert found.fingerprint == data.read(write(tmp_path / "clean", FILES)).fingerprint


def test_a_class_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    config = write(tmp_path / "f", FILES)
    listed = type(tmp_path).iterdir

    def iterdir(path):
        if path.name == "dog":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(type(tmp_path), "iterdir", iterdir)
    with pytest.raises(InvalidInput, match=r"f/train/dog cannot be read \(Permission denied\)"):
        data.read(config)
