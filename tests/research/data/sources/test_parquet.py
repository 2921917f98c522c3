"""Parquet shards as dataset hubs serve them, made small."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from research import data
from research.data import DataConfig
from research.errors import InvalidInput
from tests.research.data.sources.test_folder import colour, encoded

PIXELS = np.stack([colour() for _ in range(30)])
BYTES = [encoded(pixels) for pixels in PIXELS]
LABELS = [k % 3 for k in range(30)]


def write(path, rows, image="image", label="label", struct=True, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [{"bytes": BYTES[k], "path": None} if struct else BYTES[k] for k in rows]
    table = {image: images, label: [LABELS[k] for k in rows]} | {
        name: [value] * len(rows) for name, value in more.items()
    }
    pq.write_table(pa.table(table), path)


def shards(root, folder="data", **options):
    write(root / folder / "train-00000-of-00002.parquet", range(10), **options)
    write(root / folder / "train-00001-of-00002.parquet", range(10, 20), **options)
    write(root / folder / "test-00000-of-00001.parquet", range(20, 30), **options)
    return DataConfig(str(root))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"folder": "."},
        {"folder": "plain_text"},
        {"struct": False},
        {"image": "img", "label": "fine_label", "coarse_label": 0},
        {"image": "picture", "label": "kind"},
        {"thumbnail_id": 7, "caption": "x"},
    ],
)
def test_shards_are_read_in_order(tmp_path, options):
    found = data.read(shards(tmp_path / "set", **options))
    np.testing.assert_array_equal(found.train_images, PIXELS[:20])
    np.testing.assert_array_equal(found.train_labels, LABELS[:20])
    np.testing.assert_array_equal(found.test_images, PIXELS[20:])
    assert (found.title, found.notes) == ("set", ())


def test_splits_may_be_folders(tmp_path):
    for split, rows in (("train", range(20)), ("validation", range(20, 30))):
        write(tmp_path / "set" / "default" / split / "0000.parquet", rows)
    found = data.read(DataConfig(str(tmp_path / "set")))
    np.testing.assert_array_equal(found.test_images, PIXELS[20:])
    assert "validation images are the test images" in found.notes[0]


@pytest.mark.parametrize("name", ["all.PARQUET", "train-00000-of-00001.parquet"])
def test_one_file_is_split(tmp_path, name):
    write(tmp_path / name, range(30))
    found = data.read(DataConfig(str(tmp_path / name)))
    assert (len(found.train_labels), len(found.test_labels)) == (24, 6)


def test_names_of_classes_are_labels(tmp_path):
    table = {"image": BYTES, "label": [["ant", "bee", "cow"][k] for k in LABELS]}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    assert data.load(DataConfig(str(tmp_path / "a.parquet"))).classes == 3


def test_a_missing_shard_is_named(tmp_path):
    config = shards(tmp_path / "set")
    (tmp_path / "set" / "data" / "train-00001-of-00002.parquet").unlink()
    with pytest.raises(InvalidInput, match=r"train-00001-of-00002.parquet is missing: 1 of 2 shards"):
        data.read(config)


@pytest.mark.parametrize("part", [0, 0.1, 0.9])
def test_a_damaged_shard_is_named(tmp_path, part):
    config = shards(tmp_path / "set")
    path = tmp_path / "set" / "data" / "train-00001-of-00002.parquet"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(
        InvalidInput, match=r"train-00001-of-00002.parquet.*cannot be read as Parquet"
    ) as caught:
        data.read(config)
    assert "\n" not in str(caught.value)


def test_a_damaged_image_is_named(tmp_path):
    table = {"image": [*BYTES[:7], BYTES[7][:-40], *BYTES[8:]], "label": LABELS}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    with pytest.raises(InvalidInput, match=r"a.parquet, row 7.*cannot be read as an image"):
        data.read(DataConfig(str(tmp_path / "a.parquet")))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            {"text": ["a", "b"], "label": [0, 1]},
            r"must have one column of image bytes.*it has text \(string\), label",
        ),
        (
            {"image": BYTES[:2], "x": [1, 2], "y": [1, 2]},
            r"one called label; it has image \(binary\), x \(int64\)",
        ),
        ({"image": [{"bytes": None, "path": "a.png"}] * 2, "label": [0, 1]}, "row 0 has no image"),
        ({"image": BYTES[:2], "label": [0, None]}, "1 labels are missing"),
    ],
)
def test_other_columns_are_one_line(tmp_path, table, said):
    schema = {"image": pa.struct([("bytes", pa.binary()), ("path", pa.string())])}
    columns = {
        name: pa.array(values, schema[name] if isinstance(values[0], dict) else None)
        for name, values in table.items()
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(InvalidInput, match=said):
        data.read(DataConfig(str(tmp_path / "a.parquet")))


def test_shards_of_no_split_are_one_set_and_those_without_train_are_refused(tmp_path):
    write(tmp_path / "a" / "0000.parquet", range(30))
    assert len(data.read(DataConfig(str(tmp_path / "a"))).train_labels) == 24
    write(tmp_path / "b" / "test.parquet", range(30))
    with pytest.raises(InvalidInput, match=r"has no shard called train; it has test.parquet"):
        data.read(DataConfig(str(tmp_path / "b")))


def test_two_configurations_in_one_folder_are_refused(tmp_path):
    for name in ("small", "large"):
        shards(tmp_path / "set", folder=name)
    with pytest.raises(InvalidInput, match="must be one configuration; it has large and small"):
        data.read(DataConfig(str(tmp_path / "set")))
