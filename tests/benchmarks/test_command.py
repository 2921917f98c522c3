import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks import _machine, parity
from benchmarks.__main__ import Name, Options, run
from benchmarks._limit import Ceilings

ROOT = Path(__file__).parents[2]
NAMES: tuple[Name, ...] = Name.__args__  # type: ignore[attr-defined]


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


@pytest.mark.parametrize(
    ("name", "done"),
    [("scaling", []), ("starts", []), ("kernels", ["ceilings"]), ("throughput", ["parity", "ceilings"])],
)
def test_parity_and_ceilings_are_taken_where_a_benchmark_compares_with_them(monkeypatch, name, done):
    taken = []
    monkeypatch.setattr(_machine, "about", lambda: {"backend": "cpu"})
    monkeypatch.setattr(_machine, "has_torch", lambda: True)
    monkeypatch.setattr(parity, "check", lambda plan: taken.append("parity"))
    ceilings = lambda plan: taken.append("ceilings") or Ceilings(1.0, 1.0, 1.0, 1.0)  # noqa: E731
    monkeypatch.setattr(_machine, "measure_ceilings", ceilings)
    module = import_module(f"benchmarks.{name}")
    limited = "ceilings" in module.measure.__annotations__
    none = (lambda plan, ceilings: []) if limited else (lambda plan: [])
    monkeypatch.setattr(module, "measure", none)
    run(Options(only=(name,)))
    assert taken == done


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_that_has_a_side_of_pytorchs_says_so(name):
    module = import_module(f"benchmarks.{name}")
    assert getattr(module, "WITH_PYTORCH", False) == hasattr(module, "has_torch")
