"""MNIST's files, made small."""

import gzip
import struct

import numpy as np
import pytest

from research import data
from research.data import DataConfig
from research.errors import InvalidInput

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (50, 28, 28), np.uint8)
LABELS = (np.arange(50) % 10).astype(np.uint8)


def idx(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


FILES = {
    "train-images-idx3-ubyte": idx(IMAGES[:40]),
    "train-labels-idx1-ubyte": idx(LABELS[:40]),
    "t10k-images-idx3-ubyte": idx(IMAGES[40:]),
    "t10k-labels-idx1-ubyte": idx(LABELS[40:]),
}


def write(folder, files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return DataConfig(str(folder))


def emnist(name):
    return f"emnist-letters-{name}".replace("t10k", "test")


@pytest.mark.parametrize(
    "files",
    [
        FILES,
        {f"{name}.gz": gzip.compress(content) for name, content in FILES.items()},
        FILES | {f"{name}.gz": gzip.compress(content) for name, content in FILES.items()},
        {name.replace("-idx", ".idx"): content for name, content in FILES.items()},
        {emnist(name): content for name, content in FILES.items()},
    ],
    ids=["plain", "gzipped", "both", "dots", "emnist"],
)
def test_it_is_read(tmp_path, files):
    found = data.read(write(tmp_path / "fashion", files))
    np.testing.assert_array_equal(found.train_images[..., 0], IMAGES[:40])
    np.testing.assert_array_equal(found.test_labels, LABELS[40:])
    assert (found.title, found.notes) == ("fashion", ())


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(tmp_path, name):
    files = {key: content for key, content in FILES.items() if key != name}
    with pytest.raises(InvalidInput, match=f"has no {name}"):
        data.read(write(tmp_path / "m", files))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (FILES["train-images-idx3-ubyte"][:-1], r"is cut off: must have 31,360 bytes of data; it has 31,359"),
        (FILES["train-images-idx3-ubyte"][:7], "must be an IDX file of bytes with 3 axes"),
        (b"", "must be an IDX file"),
        (FILES["train-labels-idx1-ubyte"], "must be an IDX file of bytes with 3 axes"),
        (gzip.compress(FILES["train-images-idx3-ubyte"])[:-100], "cannot be read"),
        (b"<html>", "must be an IDX file"),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path, content, said):
    with pytest.raises(InvalidInput, match=said) as caught:
        data.read(write(tmp_path / "m", FILES | {"train-images-idx3-ubyte": content}))
    assert "train-images-idx3-ubyte" in str(caught.value)


def test_two_sets_in_one_folder_are_refused(tmp_path):
    write(tmp_path / "m", FILES)
    with pytest.raises(
        InvalidInput, match=r"must be one set; it has emnist-letters-train.* and train-images"
    ):
        data.read(write(tmp_path / "m", {emnist(name): content for name, content in FILES.items()}))
