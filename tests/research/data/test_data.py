import io
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

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
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return arrays


class TestSynthetic:
    def test_the_same_config_gives_the_same_images(self):
        first, second = (data.load(DataConfig(train_size=64, test_size=8, image_size=8)) for _ in range(2))
        np.testing.assert_array_equal(first.train_images, second.train_images)

    def test_another_seed_gives_others(self):
        first = data.load(DataConfig(train_size=64, test_size=8, image_size=8))
        other = data.load(DataConfig(train_size=64, test_size=8, image_size=8, synthetic=Synthetic(seed=1)))
        assert (first.test_images != other.test_images).mean() > 0.5

    def test_a_larger_set_begins_with_the_smaller_one(self):
        sizes = {"test_size": 1, "image_size": 8}
        from research.data import _synthetic

        small = _synthetic.make(Synthetic(), train_size=1500, **sizes)
        large = _synthetic.make(Synthetic(), train_size=2100, **sizes)
        np.testing.assert_array_equal(large.train_images[:1500], small.train_images)

    def test_a_nearest_prototype_rule_beats_chance_by_far_without_nuisance_and_noise(self):
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

    def test_nuisance_and_noise_set_the_difficulty(self):
        spread = [
            data.load(
                DataConfig(train_size=64, test_size=8, image_size=8, synthetic=Synthetic(noise=noise))
            ).std.mean()
            for noise in (0.0, 1.0)
        ]
        assert spread[1] > spread[0] * 1.1


class TestSubsets:
    def test_every_prefix_is_balanced(self):
        labels = np.random.default_rng(0).permutation(np.arange(1000) % 10)
        order = nested_order(labels, seed=0)
        assert sorted(order) == list(range(1000))
        for size in (7, 100, 333, 625):
            counts = np.bincount(labels[order[:size]], minlength=10)
            assert counts.max() - counts.min() <= 1

    def test_unequal_classes_keep_their_shares(self):
        labels = np.repeat([0, 1, 2], [600, 300, 100])
        counts = np.bincount(labels[nested_order(labels, seed=0)[:100]])
        np.testing.assert_allclose(counts, [60, 30, 10], atol=1)

    def test_the_seed_decides(self):
        labels = np.arange(100) % 10
        assert (nested_order(labels, 0) == nested_order(labels, 0)).all()
        assert (nested_order(labels, 0) != nested_order(labels, 1)).any()


class TestNpz:
    def test_it_is_read_in_nested_order_with_its_statistics(self, tmp_path):
        arrays = small_npz(tmp_path / "Mine.npz")
        found = data.load(DataConfig(str(tmp_path / "Mine.npz")))
        order = nested_order(arrays["train_labels"], 0)
        np.testing.assert_array_equal(found.train_images, arrays["train_images"][order])
        np.testing.assert_allclose(found.mean, arrays["train_images"].mean((0, 1, 2)), rtol=1e-6)
        np.testing.assert_allclose(found.std, arrays["train_images"].std((0, 1, 2)), rtol=1e-6)
        assert (found.title, found.classes) == ("Mine", 4)

    def test_the_config_names_the_content_and_not_the_place(self, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        for path in (tmp_path / "a.npz", tmp_path / "elsewhere" / "a.npz"):
            small_npz(path)
        first = data.load(DataConfig(str(tmp_path / "a.npz"))).config
        assert first == data.load(DataConfig(str(tmp_path / "elsewhere" / "a.npz"))).config
        small_npz(tmp_path / "a.npz", train_labels=np.arange(40)[::-1] % 4)
        assert first != data.load(DataConfig(str(tmp_path / "a.npz"))).config

    def test_other_data_than_the_fingerprint_says_is_refused(self, tmp_path):
        small_npz(tmp_path / "a.npz")
        with pytest.raises(InvalidInput, match="fingerprint"):
            data.load(DataConfig(str(tmp_path / "a.npz"), fingerprint="0123"))

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"test_labels": None}, "must hold an array test_labels"),
            ({"train_images": np.zeros((40, 8, 8, 3), np.float32)}, "train_images is 'float32"),
            ({"train_images": np.zeros((40, 8, 8), np.uint8)}, "train_images is 'uint8"),
            ({"train_images": np.zeros((0, 8, 8, 3), np.uint8)}, "train_images is 'uint8"),
            ({"test_images": np.zeros((12, 9, 9, 3), np.uint8)}, "test_images"),
            ({"train_labels": np.arange(39) % 4}, "train_labels"),
            ({"train_labels": np.arange(40) % 4 - 1}, "class numbers from 0 up"),
            ({"train_labels": np.arange(40) % 4 * 2}, "every class present"),
            ({"train_labels": np.zeros(40, int)}, "at least two classes"),
            ({"test_labels": np.arange(12)}, "must be at most 3"),
        ],
    )
    def test_a_wrong_array_is_named(self, tmp_path, changes, message):
        small_npz(tmp_path / "a.npz", **changes)
        with pytest.raises(InvalidInput, match=message):
            data.load(DataConfig(str(tmp_path / "a.npz")))

    @pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut off"])
    def test_a_damaged_file_is_one_line(self, tmp_path, content):
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(InvalidInput, match=r"cannot be read as an .npz file"):
            data.load(DataConfig(str(tmp_path / "a.npz")))

    def test_a_single_array_by_the_wrong_name_is_one_line(self, tmp_path):
        with (tmp_path / "a.npz").open("wb") as file:
            np.save(file, np.zeros(3))
        with pytest.raises(InvalidInput, match=r"cannot be read as an .npz file"):
            data.load(DataConfig(str(tmp_path / "a.npz")))

    def test_a_truncated_file_is_one_line(self, tmp_path):
        small_npz(tmp_path / "a.npz")
        whole = (tmp_path / "a.npz").read_bytes()
        (tmp_path / "a.npz").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(InvalidInput, match=r"cannot be read as an .npz file"):
            data.load(DataConfig(str(tmp_path / "a.npz")))

    def test_images_are_averaged_down(self, tmp_path):
        arrays = small_npz(tmp_path / "a.npz")
        found = data.load(DataConfig(str(tmp_path / "a.npz"), image_size=4))
        first = arrays["train_images"][nested_order(arrays["train_labels"], 0)[0]]
        expected = np.round(first[:2, :2].astype(float).mean((0, 1)))
        np.testing.assert_array_equal(found.train_images[0, 0, 0], expected)

    def test_a_size_that_does_not_divide_is_refused(self, tmp_path):
        small_npz(tmp_path / "a.npz")
        with pytest.raises(InvalidInput, match=r"image_size is 3.*8 x 8"):
            data.load(DataConfig(str(tmp_path / "a.npz"), image_size=3))

    def test_more_images_than_there_are_is_refused(self, tmp_path):
        small_npz(tmp_path / "a.npz")
        with pytest.raises(InvalidInput, match=r"train_size is 41.*40 images"):
            data.load(DataConfig(str(tmp_path / "a.npz"), train_size=41))


class TestDigits:
    def test_all_1797_are_there(self):
        pytest.importorskip("sklearn")
        found = data.load(DataConfig("digits"))
        assert found.train_images.shape == (1437, 8, 8, 1)
        assert found.test_images.shape == (360, 8, 8, 1)
        assert found.classes == 10
        assert found.train_images.max() == 255


class TestTFDS:
    @pytest.fixture(autouse=True)
    def nothing_prepared(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def test_what_cannot_be_fetched_says_so_within_ten_seconds(self):
        started = time.monotonic()
        with pytest.raises(InvalidInput, match=r"cifar10.*not prepared.*or give an .npz file"):
            data.load(DataConfig("cifar10"))
        assert time.monotonic() - started < 10

    def test_the_cache_is_read_without_tfds(self, tmp_path):
        (tmp_path / "cache" / "forgetting-vs-curvature").mkdir(parents=True)
        small_npz(tmp_path / "cache" / "forgetting-vs-curvature" / "mnist-3.0.1.npz")
        found = data.load(DataConfig("mnist"))
        assert (found.title, found.train_size, found.config.fingerprint) == ("MNIST", 40, "mnist-3.0.1")

    @pytest.mark.filterwarnings("ignore")  # TFDS uses what its own dependencies deprecate
    def test_a_prepared_set_is_read_without_tensorflow(self, tmp_path):
        tfds = pytest.importorskip("tensorflow_datasets")

        def png(grey):
            file = io.BytesIO()
            Image.fromarray(np.full((28, 28), grey, np.uint8)).save(file, "PNG")
            file.seek(0)  # given encoded, TFDS stores it as it is; only encoding needs TensorFlow
            return file

        class Mnist(tfds.core.GeneratorBasedBuilder):
            VERSION = tfds.core.Version("3.0.1")

            def _info(self):
                features = {"image": tfds.features.Image(shape=(28, 28, 1)), "label": np.int64}
                return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

            def _split_generators(self, dl_manager):
                del dl_manager
                return {"train": self._generate_examples(20), "test": self._generate_examples(10)}

            def _generate_examples(self, count):
                for i in range(count):
                    yield i, {"image": png(10 * i), "label": i % 10}

        Mnist(data_dir=tmp_path / "tfds", file_format="array_record").download_and_prepare()
        found = data.load(DataConfig("mnist"))
        assert "tensorflow" not in sys.modules
        assert found.train_images.shape == (20, 28, 28, 1)
        np.testing.assert_array_equal(found.train_labels, found.train_images[:, 5, 5, 0] // 10 % 10)
        assert found.config.fingerprint == "mnist-3.0.1"
        assert len(list((tmp_path / "cache").rglob("mnist-3.0.1.npz"))) == 1

    def test_nothing_else_imports_tfds_or_tensorflow(self):
        code = (
            "import sys; from research import data; data.load(data.DataConfig(image_size=8));"
            "assert not {'tensorflow', 'tensorflow_datasets'} & set(sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(InvalidInput, match=r"'imagenet': must be one of synthetic, digits, cifar10"):
        DataConfig("imagenet")
