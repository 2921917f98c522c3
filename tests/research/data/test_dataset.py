"""From a source to the data set that runs are trained on: names, sizes, fingerprints."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from research import data
from research.data import DataConfig, Synthetic, nested_order
from research.errors import InvalidInput


def small_npz(path, **changes):
    rng = np.random.default_rng(0)
    arrays = {
        "train_images": rng.integers(0, 256, (40, 8, 8, 3), np.uint8),
        "train_labels": np.arange(40) % 4,
        "test_images": rng.integers(0, 256, (12, 8, 8, 3), np.uint8),
        "test_labels": np.arange(12) % 4,
    } | changes
    np.savez(path, **arrays)
    return arrays


def test_the_config_names_the_content_and_not_the_place(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    for path in (tmp_path / "a.npz", tmp_path / "elsewhere" / "a.npz"):
        small_npz(path)
    first = data.load(DataConfig(str(tmp_path / "a.npz"))).config
    assert first == data.load(DataConfig(str(tmp_path / "elsewhere" / "a.npz"))).config
    small_npz(tmp_path / "a.npz", train_labels=np.arange(40)[::-1] % 4)
    assert first != data.load(DataConfig(str(tmp_path / "a.npz"))).config


def test_other_data_than_the_fingerprint_says_is_refused(tmp_path):
    small_npz(tmp_path / "a.npz")
    with pytest.raises(InvalidInput, match="fingerprint"):
        data.load(DataConfig(str(tmp_path / "a.npz"), fingerprint="0123"))


class TestFingerprint:
    def test_it_is_the_same_however_many_images_are_kept(self, tmp_path):
        small_npz(tmp_path / "a.npz")
        config = DataConfig(str(tmp_path / "a.npz"))
        kept = [config, replace(config, train_size=8, test_size=4), replace(config, image_size=4)]
        assert len({data.fingerprint(data.load(each).config) for each in kept}) == 1

    def test_it_differs_with_the_data(self, tmp_path):
        small_npz(tmp_path / "a.npz")
        small_npz(tmp_path / "b.npz", test_labels=np.arange(12)[::-1] % 4)
        made = DataConfig(train_size=8, test_size=4)
        configs = [
            DataConfig(str(tmp_path / "a.npz")),
            DataConfig(str(tmp_path / "b.npz")),
            made,
            replace(made, synthetic=Synthetic(noise=0.5)),
            replace(made, synthetic=Synthetic(seed=1)),
        ]
        assert len({data.fingerprint(data.load(config).config) for config in configs}) == len(configs)


def test_images_are_averaged_down(tmp_path):
    arrays = small_npz(tmp_path / "a.npz")
    found = data.load(DataConfig(str(tmp_path / "a.npz"), image_size=4))
    first = arrays["train_images"][nested_order(arrays["train_labels"], 0)[0]]
    expected = np.round(first[:2, :2].astype(float).mean((0, 1)))
    np.testing.assert_array_equal(found.train_images[0, 0, 0], expected)


@pytest.mark.parametrize("size", [3, 5, 16])
def test_any_size_is_had(tmp_path, size):
    small_npz(tmp_path / "a.npz")
    assert data.load(DataConfig(str(tmp_path / "a.npz"), image_size=size)).image_shape == (size, size, 3)


def test_images_that_are_not_square_are_kept_or_resized_and_that_is_said(tmp_path):
    shapes = {
        "train_images": np.zeros((40, 6, 8, 3), np.uint8),
        "test_images": np.zeros((12, 6, 8, 3), np.uint8),
    }
    small_npz(tmp_path / "a.npz", **shapes)
    config = DataConfig(str(tmp_path / "a.npz"))
    assert (data.read(config).train_images.shape, data.read(config).notes) == ((40, 6, 8, 3), ())
    resized = data.read(replace(config, image_size=4))
    assert resized.train_images.shape == (40, 4, 4, 3)
    assert "their proportions are lost" in resized.notes[0]


def test_more_images_than_there_are_is_refused(tmp_path):
    small_npz(tmp_path / "a.npz")
    with pytest.raises(InvalidInput, match=r"train_size is 41.*40 images"):
        data.load(DataConfig(str(tmp_path / "a.npz"), train_size=41))


def test_nothing_else_imports_tfds_or_tensorflow():
    code = (
        "import sys; from research import data; data.load(data.DataConfig(image_size=8));"
        "assert not {'tensorflow', 'tensorflow_datasets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
