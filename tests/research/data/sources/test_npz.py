"""`.npz` files of other people's keys; those that cannot be used are refused with the keys that they have."""

import io
import os
import zipfile

import numpy as np
import pytest

from research import data
from research.data import DataConfig, nested_order
from research.errors import InvalidInput


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def arrays(**changes):
    rng = np.random.default_rng(0)
    return {
        "train_images": rng.integers(0, 256, (40, 8, 8, 3), np.uint8),
        "train_labels": np.arange(40) % 4,
        "test_images": rng.integers(0, 256, (12, 8, 8, 3), np.uint8),
        "test_labels": np.arange(12) % 4,
    } | changes


def save(path, found):
    with path.open("wb") as file:  # np.savez appends .npz to the names of other files
        np.savez(file, **found)
    return DataConfig(str(path))


@pytest.fixture
def plain(tmp_path):
    return data.load(save(tmp_path / "plain.npz", arrays()))


def test_it_is_read_in_nested_order_with_its_statistics(tmp_path):
    given = arrays()
    found = data.load(save(tmp_path / "Mine.npz", given))
    order = nested_order(given["train_labels"], 0)
    np.testing.assert_array_equal(found.train_images, given["train_images"][order])
    np.testing.assert_allclose(found.mean, given["train_images"].mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(found.std, given["train_images"].std((0, 1, 2)), rtol=1e-6)
    assert (found.title, found.classes) == ("Mine", 4)


@pytest.mark.parametrize(
    "keys",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("X_train", "y_train", "X_test", "y_test"),
        ("train_x", "train_y", "test_x", "test_y"),
        ("trainX", "trainY", "testX", "testY"),
        ("train_imgs", "train_targets", "test_imgs", "test_targets"),
        ("train_data", "train_labels", "val_data", "val_labels"),
        ("training_images", "training_labels", "validation_images", "validation_labels"),
    ],
)
def test_other_keys_are_the_same_data(tmp_path, plain, keys):
    found = data.load(save(tmp_path / "other.npz", dict(zip(keys, arrays().values(), strict=True))))
    assert found.config.fingerprint == plain.config.fingerprint


def test_images_and_labels_alone_are_split(tmp_path):
    given = arrays()
    config = save(tmp_path / "one.npz", {"images": given["train_images"], "labels": given["train_labels"]})
    found = data.read(config)
    assert (len(found.train_labels), len(found.test_labels)) == (32, 8)
    assert "no test images" in found.notes[0]


def test_a_validation_split_beside_is_left_out_and_that_is_said(tmp_path, plain):
    more = {"val_images": np.zeros((3, 8, 8, 3), np.uint8), "val_labels": np.zeros(3, int)}
    found = data.read(save(tmp_path / "more.npz", arrays(**more)))
    assert found.fingerprint == plain.config.fingerprint
    assert "the validation images are left out" in found.notes[0]


def test_labels_that_are_objects_are_read_without_executing_anything(tmp_path, plain):
    names = np.array(["bird", "cat", "dog", "frog"], object)
    given = arrays(train_labels=names[np.arange(40) % 4], test_labels=names[np.arange(12) % 4])
    assert data.load(save(tmp_path / "objects.npz", given)).config.fingerprint == plain.config.fingerprint


def test_a_pickle_that_runs_a_command_is_refused_and_not_run(tmp_path):
    given = arrays(train_labels=np.array([Touch(tmp_path / "run")] * 40, object))
    with pytest.raises(InvalidInput, match=r"system, which is not an array\); save plain arrays"):
        data.load(save(tmp_path / "bad.npz", given))
    assert not (tmp_path / "run").exists()


def test_the_ending_may_be_in_capitals_and_the_folder_be_home(tmp_path, plain, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save(tmp_path / "MINE.NPZ", arrays())
    found = data.load(DataConfig("~/MINE.NPZ"))
    assert found.config == plain.config.__class__("MINE.NPZ", fingerprint=plain.config.fingerprint)


def test_compressed_files_are_read(tmp_path, plain):
    np.savez_compressed(tmp_path / "small.npz", **arrays())
    assert data.load(DataConfig(str(tmp_path / "small.npz"))).config.fingerprint == plain.config.fingerprint


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            ("train_images", "train_labels", "test_images"),
            "train_images, train_labels, test_images: must hold",
        ),
        (
            ("arr_0", "arr_1", "arr_2", "arr_3"),
            "holds the arrays arr_0, arr_1, arr_2, arr_3: must hold train_images",
        ),
        (("train_jpeg", "train_labels", "test_jpeg", "test_labels"), "train_jpeg, train_labels"),
        (("x_train", "y_train", "train_images", "y_test"), "both x_train and train_images are train images"),
        ((), "holds no arrays: must hold"),
    ],
)
def test_keys_that_are_not_known_are_named(tmp_path, keys, said):
    with pytest.raises(InvalidInput) as caught:
        data.load(save(tmp_path / "other.npz", dict(zip(keys, arrays().values(), strict=False))))
    assert said in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_one_line(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InvalidInput, match=r"cannot be read as an .npz file"):
        data.load(DataConfig(str(tmp_path / "a.npz")))


@pytest.mark.parametrize("part", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("save_as", [np.savez, np.savez_compressed])
def test_a_truncated_file_is_one_line(tmp_path, part, save_as):
    save_as(tmp_path / "a.npz", **arrays())
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(InvalidInput, match=r"cannot be read as an .npz file") as caught:
        data.load(DataConfig(str(tmp_path / "a.npz")))
    assert "\n" not in str(caught.value)


def test_a_changed_byte_is_found(tmp_path):
    np.savez(tmp_path / "a.npz", **arrays())
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[len(content) // 3] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InvalidInput, match=r"cannot be read as an .npz file"):
        data.load(DataConfig(str(tmp_path / "a.npz")))


def test_members_that_are_no_arrays_are_one_line(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name in arrays():
            archive.writestr(f"{name}.npy", b"not an array")
    with pytest.raises(InvalidInput, match=r"cannot be read as an .npz file"):
        data.load(DataConfig(str(tmp_path / "a.npz")))


@pytest.mark.parametrize("name", ["a.npz", "a.npy"])
def test_one_array_saved_alone_says_what_to_save(tmp_path, name):
    content = io.BytesIO()
    np.save(content, np.zeros(3))
    (tmp_path / name).write_bytes(content.getvalue())
    with pytest.raises(InvalidInput, match=r"holds one array, saved by np.save.*np.savez"):
        data.load(DataConfig(str(tmp_path / name)))


@pytest.mark.parametrize(
    ("change", "said"),
    [(lambda x: x / 255, "must be on the scale of train_images"), (lambda x: x + np.nan, "must be finite")],
)
def test_validation_images_in_the_place_of_test_images_are_looked_at_as_these_are(tmp_path, change, said):
    given = {name.replace("test", "val"): array for name, array in arrays().items()}
    given["val_images"] = change(given["val_images"])
    with pytest.raises(InvalidInput, match=said):
        data.read(save(tmp_path / "mine.npz", given))
