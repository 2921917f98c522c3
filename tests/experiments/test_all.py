"""Every experiment end to end at the smallest size, then every figure from its records."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import analysis
from experiments import discover, group_of
from experiments.all import choose
from research.errors import InvalidInput
from research.records.store import Store

ROOT = Path(__file__).parents[2]


GROUPS = [
    "article",
    *(pytest.param(group, marks=pytest.mark.smoke) for group in ("limit", "measures", "batch")),
]


@dataclass(frozen=True)
class Smoke:
    """A group's experiments, carried out at the smallest size."""

    names: list[str]
    command: list[str]
    results: Path
    printed: str


@pytest.fixture(scope="module", params=GROUPS)
def smoke(request, tmp_path_factory) -> Smoke:
    results = tmp_path_factory.mktemp("smoke")
    command = [sys.executable, "-m", "experiments.all", "--preset", "smoke", "--group", request.param]
    command += ["--results", str(results)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = sorted(name for name in discover() if group_of(name) == request.param)
    return Smoke(names, command, results, done.stdout)


def test_each_experiment_says_what_it_did(smoke):
    assert [line.split(":")[0] for line in smoke.printed.splitlines()] == smoke.names


def test_each_experiment_states_its_records_and_all_are_there(smoke):
    store = Store(smoke.results)
    assert store.experiments() == [("smoke", name) for name in smoke.names]
    for label, name in store.experiments():
        about = store.read_experiment(label, name)
        assert about["command"] == " ".join(["python", *smoke.command[1:]])
        assert about["data"] == "synthetic"
        table = store.table([*about["runs"], *about["measurements"]])
        assert set(table["record"]) <= {*about["runs"], *about["measurements"]}
        assert len(about["runs"]) == len(set(discover()[name]["smoke"].runs()))


def test_runs_that_experiments_share_are_trained_once(smoke):
    trained = sum(int(count) for count in re.findall(r"(\d+) runs? trained", smoke.printed))
    diverged = sum(int(count) for count in re.findall(r"(\d+) diverged", smoke.printed))
    wanted = [set(discover()[name]["smoke"].runs()) for name in smoke.names]
    assert trained + diverged == len(set.union(*wanted)) <= sum(len(runs) for runs in wanted)


def test_a_second_time_trains_nothing(smoke):
    again = subprocess.run(smoke.command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for line in again.splitlines():
        assert "0 runs trained, 0 diverged" in line
        assert "0 measurements" in line


@pytest.mark.slow
def test_every_figure_is_drawn_from_the_records_and_again_without_them(smoke, tmp_path):
    figures = tmp_path / "figures"
    draw = [sys.executable, "-m", "analysis.all", "--figures", str(figures)]
    subprocess.run([*draw, "--results", str(smoke.results)], cwd=ROOT, check=True, capture_output=True)
    pictures = sorted(figures.glob("smoke/*.p[nd][gf]"))
    first = {path.name: path.read_bytes() for path in pictures}
    drawn = [name for name in smoke.names if name in analysis.discover()]
    assert {f"{name}.{kind}" for name in drawn for kind in ("png", "pdf")} <= set(first)
    again = drawn[0]
    for kind in ("png", "pdf"):
        (figures / "smoke" / f"{again}.{kind}").unlink()
    draw[2] = f"analysis.{again}"
    subprocess.run(
        [*draw, "--redraw", "--results", str(tmp_path / "none")], cwd=ROOT, check=True, capture_output=True
    )
    assert {path.name: path.read_bytes() for path in pictures} == first
    about = json.loads((figures / "smoke" / f"{smoke.names[0]}.json").read_text())
    assert about["data"] == "synthetic"


@pytest.mark.parametrize("option", ["only", "group"])
def test_an_unknown_experiment_or_group_is_one_line(option):
    with pytest.raises(InvalidInput, match=f"{option} is 'nothing': must be among"):
        choose([f"--{option}", "nothing"])
