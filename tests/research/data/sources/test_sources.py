"""Which source reads what; a source of one's own is a file, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from research import data
from research.data import DataConfig
from research.data.sources import PathSource, discover, source_of
from research.errors import InvalidInput

ROOT = Path(__file__).parents[4]
TOY = '''
"""Stripes: the class is how many there are."""

import numpy as np

from research.data import Arrays, DataConfig, Source, from_arrays


class Stripes(Source):
    form = "stripes"

    def read(self, config: DataConfig) -> Arrays:
        labels = np.arange(120) % 3
        images = 200 * (np.arange(8) * (labels[:, None] + 1) // 8 % 2)
        images = np.broadcast_to(images[:, None, :], (120, 8, 8)).astype(np.uint8)
        return from_arrays("stripes", "stripes", (images, labels), None)
'''


def test_every_source_says_how_it_is_named():
    forms = [source.form for source in discover()]
    assert len(set(forms)) == len(forms) >= 8


@pytest.mark.parametrize("name", ["imagenet", "mnist5", "Synthetic"])
def test_an_unknown_name_is_refused_with_the_known_ones(name):
    with pytest.raises(
        InvalidInput, match=rf"'{name}': must be one of digits, noise, synthetic, mnist.* or a path: "
    ):
        data.load(DataConfig(name))


@pytest.mark.parametrize("name", ["missing.npz", "some/folder", "~/images"])
def test_a_path_that_is_not_there_says_so(name):
    with pytest.raises(InvalidInput, match="there is no such file or folder"):
        data.load(DataConfig(name))


def test_a_file_or_folder_of_no_kind_is_refused_with_what_it_holds(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(InvalidInput, match=r"notes.txt.: must be .*an .npz file"):
        data.load(DataConfig(str(tmp_path / "notes.txt")))
    with pytest.raises(InvalidInput, match=r"holds notes.txt: must be .*a folder of images by class"):
        data.load(DataConfig(str(tmp_path)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="holds nothing: must be"):
        data.load(DataConfig(str(tmp_path / "empty")))


@pytest.mark.parametrize("name", ["cifar-10-batches-py/data_batch_1", "idx/train-images-idx3-ubyte", "b.npz"])
def test_the_folder_above_a_set_says_what_to_give_instead(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    (tmp_path / "a").mkdir()
    child = tmp_path / name.split("/")[0]
    with pytest.raises(InvalidInput, match=rf"holds a, {child.name}: give {child} itself"):
        data.load(DataConfig(str(tmp_path)))


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    def iterdir(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(tmp_path), "iterdir", iterdir)
    with pytest.raises(InvalidInput, match=rf"{tmp_path} cannot be read \(Permission denied\)"):
        data.load(DataConfig(str(tmp_path)))


def test_a_tree_that_holds_no_set_is_not_walked_and_may_change_meanwhile(tmp_path, monkeypatch):
    """As in `--data /`: what lies four folders down is not looked at, and a folder may be gone by then."""
    (tmp_path / "a/b/c/d/e").mkdir(parents=True)
    (tmp_path / "a/b/c/d/e/train.parquet").touch()
    listed, seen = type(tmp_path).iterdir, set()

    def iterdir(path):
        seen.add(path)
        if path.name == "b":
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return listed(path)

    with pytest.raises(InvalidInput, match="holds a: must be"):
        data.load(DataConfig(str(tmp_path)))
    monkeypatch.setattr(type(tmp_path), "iterdir", iterdir)
    with pytest.raises(InvalidInput, match="holds a: must be"):
        data.load(DataConfig(str(tmp_path)))
    assert tmp_path / "a/b" in seen
    monkeypatch.setattr(type(tmp_path), "iterdir", lambda path: seen.add(path) or listed(path))
    with pytest.raises(InvalidInput, match="holds a: must be"):
        data.load(DataConfig(str(tmp_path)))
    assert tmp_path / "a/b/c" in seen
    assert tmp_path / "a/b/c/d" not in seen


def test_a_folder_named_as_a_set_does_not_hide_it(tmp_path, monkeypatch):
    (tmp_path / "synthetic" / "cat").mkdir(parents=True)
    (tmp_path / "synthetic" / "cat" / "1.png").touch()
    monkeypatch.chdir(tmp_path)
    assert not isinstance(source_of("synthetic"), PathSource)
    assert isinstance(source_of("./synthetic"), PathSource)


def test_a_source_from_a_folder_on_the_path_is_trained_on_from_the_command_line(tmp_path):
    mine = tmp_path / "mine" / "research" / "data" / "sources"
    mine.mkdir(parents=True)
    (mine / "toy.py").write_text(TOY)
    words = ["experiments.train", "--preset", "smoke", "--data", "stripes", "--results", tmp_path / "r"]
    ran = subprocess.run(
        [sys.executable, "-m", *map(str, words)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "mine")},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert "1 run trained, 0 diverged" in ran.stdout
    assert "(smoke-stripes)" in ran.stdout
    assert "stripes has 96 training and 24 test images, fewer than the preset asks for" in ran.stderr
