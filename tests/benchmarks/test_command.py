import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def benchmarks(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], cwd=ROOT, capture_output=True, text=True
    )


@pytest.mark.slow
def test_the_command_prints_and_saves_a_table(tmp_path):
    """With a toy network; the other benchmarks are run by hand."""
    done = benchmarks(
        "--tiny", "--repeats", "1", "--only", "throughput", "--save", "toy", "--results", str(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "toy.json").read_text())
    assert content["facts"]["jax"]
    assert content["facts"]["processor"]
    (row,) = content["rows"]
    assert row["ours"]["median"] > 0
    assert row["limit"] > 0


@pytest.mark.parametrize("words", [["--only", "nothing"], ["--repeats", "0"]])
def test_a_mistake_is_one_line(words):
    done = benchmarks(*words)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
