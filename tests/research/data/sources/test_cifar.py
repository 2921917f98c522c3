"""CIFAR as published, made small: both data sets, both versions, unpacked and archived."""

import os
import pickle
import tarfile

import numpy as np
import pytest

from research import data
from research.data import DataConfig
from research.errors import InvalidInput

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (60, 32, 32, 3), np.uint8)
LABELS = np.arange(60) % 10
PLANES = IMAGES.transpose(0, 3, 1, 2).reshape(60, -1)  # red, green, blue, as published


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def pickled(rows, key):
    """A batch as Python 2 wrote it: keys are bytes to Python 3, and an array's bytes are latin-1 text."""
    batch = {b"data": PLANES[rows], key: LABELS[rows].tolist(), b"coarse_labels": [0] * len(LABELS[rows])}
    return pickle.dumps(batch, protocol=2)


def binary(rows, leading):
    labels = np.zeros((len(LABELS[rows]), leading), np.uint8)
    labels[:, -1] = LABELS[rows]
    return np.concatenate([labels, PLANES[rows]], 1).tobytes()


def batches(names, make, argument):
    """The training files in equal parts of the first 50, the test file with the rest."""
    size = 50 // (len(names) - 1)
    parts = [slice(k * size, (k + 1) * size) for k in range(len(names) - 1)]
    return {name: make(rows, argument) for name, rows in zip(names, [*parts, slice(50, 60)], strict=True)}


TEN = [f"data_batch_{k}" for k in range(1, 6)]
FORMS = {
    "cifar-10-batches-py": ("CIFAR-10", batches([*TEN, "test_batch"], pickled, b"labels")),
    "cifar-10-batches-bin": (
        "CIFAR-10",
        batches([f"{name}.bin" for name in (*TEN, "test_batch")], binary, 1),
    ),
    "cifar-100-python": ("CIFAR-100", batches(["train", "test"], pickled, b"fine_labels")),
    "cifar-100-binary": ("CIFAR-100", batches(["train.bin", "test.bin"], binary, 2)),
}


def unpack(folder, files):
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "readme.html").write_text("see the web page")
    return folder


@pytest.fixture(params=FORMS)
def form(request, tmp_path):
    title, files = FORMS[request.param]
    return title, unpack(tmp_path / request.param, files)


def check(found, title):
    np.testing.assert_array_equal(found.train_images, IMAGES[:50])
    np.testing.assert_array_equal(found.train_labels, LABELS[:50])
    np.testing.assert_array_equal(found.test_images, IMAGES[50:])
    np.testing.assert_array_equal(found.test_labels, LABELS[50:])
    assert found.title == title


def test_a_folder_is_read(form):
    title, folder = form
    check(data.read(DataConfig(str(folder))), title)


@pytest.mark.parametrize("mode", ["w:gz", "w"])
def test_an_archive_is_read_whatever_it_is_called(form, tmp_path, mode):
    title, folder = form
    archive = tmp_path / "downloaded.TAR.GZ"
    with tarfile.open(archive, mode) as opened:
        opened.add(folder, folder.name)
    check(data.read(DataConfig(str(archive))), title)


def test_a_pickle_that_runs_a_command_is_refused_and_not_run(tmp_path):
    files = FORMS["cifar-10-batches-py"][1] | {"data_batch_3": pickle.dumps(Touch(tmp_path / "run"))}
    with pytest.raises(InvalidInput, match=r"data_batch_3.*must be a batch of CIFAR-10.*not an array"):
        data.read(DataConfig(str(unpack(tmp_path / "bad", files))))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", FORMS)
def test_a_missing_file_is_named(tmp_path, name):
    files = dict(FORMS[name][1])
    missing = list(files)[-1]
    del files[missing]
    with pytest.raises(InvalidInput, match=f"has no {missing}: must be {FORMS[name][0]} as published, whole"):
        data.read(DataConfig(str(unpack(tmp_path / name, files))))


@pytest.mark.parametrize("name", FORMS)
def test_a_truncated_file_is_named(tmp_path, name):
    files = {key: content[: len(content) // 2 - 1] for key, content in FORMS[name][1].items()}
    with pytest.raises(InvalidInput, match=next(iter(files))):
        data.read(DataConfig(str(unpack(tmp_path / name, files))))


def test_a_truncated_archive_is_one_line(form, tmp_path):
    _, folder = form
    archive = tmp_path / "x.tar.gz"
    with tarfile.open(archive, "w:gz") as opened:
        opened.add(folder, folder.name)
    archive.write_bytes(archive.read_bytes()[:2000])
    with pytest.raises(InvalidInput, match=r"x.tar.gz.*(cannot be read|has no)"):
        data.read(DataConfig(str(archive)))


def test_another_archive_is_one_line(tmp_path):
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz"):
        pass
    with pytest.raises(InvalidInput, match="must be CIFAR-10 as published"):
        data.read(DataConfig(str(tmp_path / "x.tar.gz")))
