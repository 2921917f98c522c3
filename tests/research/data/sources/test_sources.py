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
        InvalidInput, match=rf"'{name}': must be one of digits, synthetic, mnist.* or a path: "
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
    assert "1 runs trained, 0 diverged" in ran.stdout
    assert "(smoke-stripes)" in ran.stdout
    assert "stripes has 96 training and 24 test images, fewer than the preset asks for" in ran.stderr
