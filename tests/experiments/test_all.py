"""Every experiment end to end at the smallest size, then every figure from its records."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from experiments import discover
from research.records import Store

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    results = tmp_path_factory.mktemp("smoke")
    command = [sys.executable, "-m", "experiments.all", "--preset", "smoke", "--group", "all"]
    command += ["--results", str(results)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return results, done.stdout, command


def test_each_experiment_says_what_it_did(smoke):
    _, printed, _ = smoke
    assert [line.split(":")[0] for line in printed.splitlines()] == sorted(discover())


def test_each_experiment_states_its_records_and_all_are_there(smoke):
    results, _, _ = smoke
    store = Store(results)
    assert store.experiments() == [("smoke", name) for name in sorted(discover())]
    for label, name in store.experiments():
        about = store.read_experiment(label, name)
        assert about["command"] == f"python -m experiments.all --preset smoke --group all --results {results}"
        assert about["data"] == "synthetic"
        table = store.table([*about["runs"], *about["measurements"]])
        assert set(table["record"]) <= {*about["runs"], *about["measurements"]}
        assert len(about["runs"]) == len(set(discover()[name]["smoke"].runs()))


def test_a_second_time_trains_nothing(smoke):
    _, _, command = smoke
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for line in again.splitlines():
        assert "0 runs trained, 0 diverged" in line
        assert "0 measurements" in line


def test_every_figure_is_drawn_from_the_records_and_again_without_them(smoke, tmp_path):
    results, _, _ = smoke
    figures = tmp_path / "figures"
    draw = [sys.executable, "-m", "analysis.all", "--figures", str(figures)]
    subprocess.run([*draw, "--results", str(results)], cwd=ROOT, check=True, capture_output=True)
    pictures = sorted(figures.glob("smoke/*.p[nd][gf]"))
    first = {path.name: path.read_bytes() for path in pictures}
    assert {"lr_sweep.png", "lr_sweep.pdf", "forgetting.png", "forgetting.pdf"} <= set(first)
    for path in pictures:
        path.unlink()
    subprocess.run(
        [*draw, "--redraw", "--results", str(tmp_path / "none")], cwd=ROOT, check=True, capture_output=True
    )
    assert {path.name: path.read_bytes() for path in pictures} == first
    about = json.loads((figures / "smoke" / "lr_sweep.json").read_text())
    assert about["data"] == "synthetic"


@pytest.mark.parametrize("option", ["only", "group"])
def test_an_unknown_experiment_or_group_is_one_line(option):
    command = [sys.executable, "-m", "experiments.all", f"--{option}", "nothing"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"{option} is 'nothing': must be among" in done.stderr


def test_runs_that_experiments_share_are_trained_once(smoke):
    _, printed, _ = smoke
    trained = sum(int(count) for count in re.findall(r"(\d+) runs trained", printed))
    diverged = sum(int(count) for count in re.findall(r"(\d+) diverged", printed))
    wanted = [set(presets["smoke"].runs()) for presets in discover().values()]
    assert trained + diverged == len(set.union(*wanted)) < sum(len(runs) for runs in wanted)
