"""Sets that TensorFlow Datasets prepared, made small; none of these tests has TensorFlow."""

import io
import shutil
import sys
import time

import numpy as np
import pytest
from PIL import Image

from research import data
from research.data import DataConfig
from research.errors import InvalidInput

tfds = pytest.importorskip("tensorflow_datasets")
# TFDS uses what its own dependencies deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")


def png(grey, shape=(28, 28)):
    file = io.BytesIO()
    Image.fromarray(np.full(shape, grey, np.uint8)).save(file, "PNG")
    file.seek(0)  # given encoded, TFDS stores it as it is; only encoding needs TensorFlow
    return file


class Small(tfds.core.GeneratorBasedBuilder):
    """20 images to train on and 10 others; each is grey all over, ten times its number."""

    VERSION = tfds.core.Version("3.0.1")
    splits = ("train", "test")
    shape = (28, 28, 1)

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=self.shape),
            "label": tfds.features.ClassLabel(num_classes=10),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        del dl_manager
        return {name: self._generate_examples(20 if name == "train" else 10) for name in self.splits}

    def _generate_examples(self, count):
        for i in range(count):
            side = 28 if self.shape[0] else 20 + i
            yield i, {"image": png(10 * i, (side, 28)), "label": i % 10}


class Mnist(Small):
    pass


class Corrected(Small, skip_registration=True):  # pyright: ignore[reportGeneralTypeIssues, reportCallIssue]
    """The same name and version, with other pixels."""

    name = "mnist"

    def _generate_examples(self, count):
        for i, row in super()._generate_examples(count):
            yield i, row | {"image": png(10 * i + 1)}


class Flowers(Small):
    splits = ("train",)
    shape = (None, None, 1)


class Resized(Small):
    splits = ("train", "validation")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=name) for name in ("8x8", "16x16")]  # noqa: RUF012


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    Mnist(data_dir=folder, file_format="array_record").download_and_prepare()
    Flowers(data_dir=folder, file_format="array_record").download_and_prepare()
    for name in ("8x8", "16x16"):
        Resized(config=name, data_dir=folder, file_format="array_record").download_and_prepare()
    return folder


@pytest.fixture
def folder(prepared, tmp_path, monkeypatch):
    """A copy of what is prepared, and an empty cache."""
    shutil.copytree(prepared, tmp_path / "tfds")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "tfds"


def as_tfrecord(version):
    """Turn a prepared set into what `tfds.load` wrote for years; the writer is TensorBoard's."""
    from array_record.python.array_record_module import ArrayRecordReader
    from tensorboardX.record_writer import RecordWriter

    for path in version.glob("*.array_record*"):
        reader = ArrayRecordReader(str(path))
        writer = RecordWriter(str(path).replace("array_record", "tfrecord"))
        for record in reader.read(0, reader.num_records()):
            writer.write(record)
        writer.close()
        reader.close()
        path.unlink()
    info = version / "dataset_info.json"
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    return next(version.glob("*train*tfrecord*"))


def check(found):
    assert "tensorflow" not in sys.modules
    assert (found.train_images.shape, found.test_images.shape) == ((20, 28, 28, 1), (10, 28, 28, 1))
    np.testing.assert_array_equal(found.train_labels, found.train_images[:, 5, 5, 0] // 10 % 10)


class TestPrepared:
    def test_array_record_is_read_without_tensorflow_and_cached(self, folder, tmp_path):
        first = data.read(DataConfig("mnist"))
        check(first)
        assert first.title == "MNIST"
        assert len(list((tmp_path / "cache").rglob("mnist-3.0.1-*.npz"))) == 1
        shutil.rmtree(folder)
        assert data.read(DataConfig("mnist")).fingerprint == first.fingerprint

    def test_tfrecord_is_the_same_data(self, folder, tmp_path):
        first = data.read(DataConfig("mnist"))
        as_tfrecord(folder / "mnist" / "3.0.1")
        shutil.rmtree(tmp_path / "cache")
        again = data.read(DataConfig("tfds:mnist"))
        check(again)
        assert again.fingerprint == first.fingerprint

    @pytest.mark.parametrize("damage", [slice(0, -1), slice(0, 100), slice(0, 5), slice(1, None)])
    def test_a_damaged_tfrecord_is_one_line(self, folder, damage):
        path = as_tfrecord(folder / "mnist" / "3.0.1")
        path.write_bytes(path.read_bytes()[damage])
        with pytest.raises(InvalidInput, match=r"tfrecord.*copy it again"):
            data.read(DataConfig("mnist"))

    def test_a_changed_byte_of_a_tfrecord_is_found(self, folder):
        path = as_tfrecord(folder / "mnist" / "3.0.1")
        content = bytearray(path.read_bytes())
        content[-6] ^= 1
        path.write_bytes(content)
        with pytest.raises(InvalidInput, match="is damaged or is no TFRecord file"):
            data.read(DataConfig("mnist"))

    def test_a_tfrecord_that_lacks_its_last_records_is_one_line(self, folder):
        path = as_tfrecord(folder / "mnist" / "3.0.1")
        content = path.read_bytes()
        (length,) = np.frombuffer(content[:8], "<u8")
        path.write_bytes(content[: 16 + int(length)])
        with pytest.raises(InvalidInput, match=r"train holds 1 images, but dataset_info.json says 20"):
            data.read(DataConfig("mnist"))

    @pytest.mark.parametrize("part", [0, 0.5])
    def test_a_damaged_array_record_is_one_line(self, folder, part):
        path = next((folder / "mnist" / "3.0.1").glob("*train*"))
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
        with pytest.raises(InvalidInput, match="cannot be read") as caught:
            data.read(DataConfig("mnist"))
        assert "\n" not in str(caught.value)

    def test_a_damaged_description_is_one_line(self, folder):
        (folder / "mnist" / "3.0.1" / "dataset_info.json").write_text("{")
        with pytest.raises(InvalidInput, match="cannot be read"):
            data.read(DataConfig("mnist"))

    def test_a_missing_file_is_named(self, folder):
        path = next((folder / "mnist" / "3.0.1").glob("*test*"))
        path.unlink()
        with pytest.raises(
            InvalidInput, match=f"{path.name} is missing in .*: 0 of the 1 files of test are there"
        ):
            data.read(DataConfig("mnist"))

    def test_another_format_is_one_line(self, folder):
        info = folder / "mnist" / "3.0.1" / "dataset_info.json"
        for path in info.parent.glob("*.array_record*"):
            path.rename(str(path).replace("array_record", "riegeli"))
        info.write_text(info.read_text().replace("array_record", "riegeli"))
        with pytest.raises(InvalidInput, match="prepared as riegeli: must be array_record or tfrecord"):
            data.read(DataConfig("mnist"))

    def test_any_set_is_read_by_its_name(self, folder):
        found = data.read(DataConfig("tfds:resized/8x8"))
        check(found)
        assert found.title == "resized/8x8"
        assert "the validation images are the test images" in found.notes[0]
        assert data.read(DataConfig("tfds:resized/8x8")).notes == found.notes  # from the cache, too

    def test_a_set_with_several_configurations_has_them_named(self, folder):
        with pytest.raises(
            InvalidInput, match="must name one configuration: tfds:resized/16x16 or tfds:resized/8x8"
        ):
            data.read(DataConfig("tfds:resized"))
        shutil.rmtree(folder / "resized" / "16x16")
        check(data.read(DataConfig("tfds:resized")))

    def test_images_of_several_sizes_are_resized_and_a_fifth_is_held_out(self, folder):
        with pytest.raises(InvalidInput, match="several sizes"):
            data.read(DataConfig("tfds:flowers"))
        found = data.read(DataConfig("tfds:flowers", image_size=7))
        assert (found.train_images.shape, found.test_images.shape) == ((16, 7, 7, 1), (4, 7, 7, 1))
        assert data.read(DataConfig("tfds:flowers", image_size=9)).fingerprint == found.fingerprint


class TestFolders:
    def test_a_backup_beside_a_version_is_passed_over(self, folder):
        shutil.copytree(folder / "mnist" / "3.0.1", folder / "mnist" / "3.0.1-backup")
        (folder / "mnist" / "incomplete.AB12_3.0.2").mkdir()
        check(data.read(DataConfig("mnist")))

    def test_the_newest_version_is_read_or_the_one_that_is_named(self, folder, tmp_path):
        for version in ("3.0.2", "3.0.10"):
            shutil.copytree(folder / "mnist" / "3.0.1", folder / "mnist" / version)
        data.read(DataConfig("mnist"))
        data.read(DataConfig("tfds:mnist:3.0.2"))
        cached = sorted(path.name.split("-")[1] for path in (tmp_path / "cache").rglob("*.npz"))
        assert cached == ["3.0.10", "3.0.2"]

    @pytest.mark.parametrize("deeper", ["mnist", "mnist/3.0.1"])
    def test_a_folder_that_is_too_deep_is_understood(self, folder, monkeypatch, deeper):
        monkeypatch.setenv("TFDS_DATA_DIR", str(folder / deeper))
        check(data.read(DataConfig("mnist")))

    @pytest.mark.parametrize("cache", ["/proc/no", "/dev/null"])
    def test_a_cache_that_cannot_be_written_is_done_without(self, folder, monkeypatch, cache):
        monkeypatch.setenv("XDG_CACHE_HOME", cache)
        check(data.read(DataConfig("mnist")))

    def test_a_damaged_cache_is_made_again(self, folder, tmp_path):
        data.read(DataConfig("mnist"))
        (path,) = (tmp_path / "cache").rglob("*.npz")
        path.write_bytes(path.read_bytes()[:100])
        check(data.read(DataConfig("mnist")))
        check(data.read(DataConfig("mnist")))
        path.write_bytes(path.read_bytes()[:100])
        shutil.rmtree(folder)
        with pytest.raises(InvalidInput, match="is damaged, and the set is not prepared: remove it"):
            data.read(DataConfig("mnist"))

    def test_a_set_that_is_prepared_anew_is_not_taken_from_the_cache(self, folder):
        first = data.read(DataConfig("mnist"))
        shutil.rmtree(folder / "mnist")
        Corrected(data_dir=folder, file_format="array_record").download_and_prepare()
        assert data.read(DataConfig("mnist")).fingerprint != first.fingerprint


class TestMissing:
    @pytest.fixture(autouse=True)
    def nothing_prepared(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    @pytest.mark.parametrize("name", ["cifar10", "tfds:fashion_mnist", "tfds:imagenet_resized/32x32"])
    def test_what_cannot_be_fetched_says_so_within_ten_seconds(self, name):
        started = time.monotonic()
        command = f"tfds build {name.removeprefix('tfds:')} --file_format=array_record"
        with pytest.raises(InvalidInput, match=rf"{name}.*not prepared.*{command}.*or give an .npz file"):
            data.load(DataConfig(name))
        assert time.monotonic() - started < 10

    @pytest.mark.parametrize("name", ["tfds:", "tfds:a b", "tfds:../x", "tfds:mnist/a/b", "tfds:mnist:new"])
    def test_what_is_no_name_is_one_line(self, name):
        with pytest.raises(InvalidInput, match="must be tfds:NAME, tfds:NAME/CONFIG or either with :VERSION"):
            data.load(DataConfig(name))

    def test_the_cache_is_read_without_tfds(self, tmp_path):
        (tmp_path / "cache" / "forgetting-vs-curvature").mkdir(parents=True)
        rng = np.random.default_rng(0)
        np.savez(
            tmp_path / "cache" / "forgetting-vs-curvature" / "mnist-3.0.1.npz",
            train_images=rng.integers(0, 256, (40, 8, 8, 3), np.uint8),
            train_labels=np.arange(40) % 4,
            test_images=rng.integers(0, 256, (12, 8, 8, 3), np.uint8),
            test_labels=np.arange(12) % 4,
        )
        found = data.load(DataConfig("mnist"))
        assert (found.title, found.train_size) == ("MNIST", 40)
