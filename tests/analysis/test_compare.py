"""Two results side by side, as a user compares what two processors gave."""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from analysis.compare import CompareOptions, run
from research.errors import InvalidInput
from tests.analysis.claims.worlds import ABOUT, SweepWorld

ROOT = Path(__file__).parents[2]


def collected(folder: Path, world: SweepWorld, label: str = "quick", **about) -> Path:
    """A folder of results whose records were collected, with their sweep alone."""
    place = folder / "figures" / label
    place.mkdir(parents=True)
    world.table(np.random.default_rng(0), 3).to_parquet(place / "lr_sweep.parquet")
    (place / "lr_sweep.json").write_text(json.dumps(ABOUT | about))
    return folder


def differing(one: Path, other: Path) -> list[str]:
    return run(CompareOptions(one, other), Console(file=io.StringIO()))


@pytest.fixture
def one(tmp_path) -> Path:
    return collected(tmp_path / "one", SweepWorld())


def test_the_same_records_agree(one, tmp_path):
    assert differing(one, shutil.copytree(one, tmp_path / "other")) == []


def test_a_verdict_that_flipped_is_named_and_tells_by_the_exit_status(one, tmp_path):
    other = collected(tmp_path / "other", SweepWorld(onset=0.8, onset_growth=2.8))  # C2 is false there
    words = [sys.executable, "-m", "analysis.compare", str(one), str(other)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("verdicts that differ: ")]
    assert "quick/C2" in line
    assert "quick/C1" not in line


def test_a_verdict_on_one_side_alone_is_a_difference(one, tmp_path):
    other = shutil.copytree(one, tmp_path / "other")
    for kind in ("parquet", "json"):
        source = other / "figures" / "quick" / f"lr_sweep.{kind}"
        shutil.copy(source, source.with_stem("size_by_updates"))
    for pair in ((one, other), (other, one)):
        assert "quick/C4-updates" in differing(*pair)


def test_two_labels_of_one_folder_are_compared(one):
    collected(one, SweepWorld(), label="again")
    assert differing(one / "figures" / "quick", one / "figures" / "again") == []


def test_what_has_no_counterpart_is_a_mistake(one, tmp_path):
    other = collected(tmp_path / "other", SweepWorld(), data="birds")
    with pytest.raises(
        InvalidInput, match="label is 'quick': is quick, synthetic, which the other side is not"
    ):
        differing(one, other)
    with pytest.raises(InvalidInput, match="has no such records"):
        differing(one, tmp_path / "none")
