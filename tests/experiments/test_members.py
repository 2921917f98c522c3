"""Every member of every family in a smoke run from the command line, whatever members there are."""

import subprocess
import sys
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from commandline import with_members
from experiments import discover
from experiments._data import require_fitting
from experiments.memory import Memory
from research import data
from research.averaging import WeightAveraging
from research.errors import InvalidInput
from research.family import families_in, value_at
from research.gradients import Gradient
from research.records.identity import restored
from research.records.store import Store
from research.training.config import RunConfig

ROOT = Path(__file__).parents[2]
FAMILIES = families_in(RunConfig())
MOST = max(len(family.members()) for family, several in FAMILIES.values() if not several)
# Of each family one member after the other, side by side; of a sequence, all that there are.
CHOICES = {
    path: [list(family.members())] * MOST
    if several
    else [[name] for name in islice(cycle(family.members()), MOST)]
    for path, (family, several) in FAMILIES.items()
}
ROWS = [{path: names[index] for path, names in CHOICES.items()} for index in range(MOST)]


def trained(folder: Path, *words: str) -> tuple[RunConfig, pd.DataFrame]:
    """The run and its rows, after the command."""
    done = subprocess.run(
        [sys.executable, "-m", "experiments.train", "--preset", "smoke", "--results", str(folder), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    store = Store(folder)
    (name,) = store.read_experiment("smoke", "train")["runs"]
    about, rows = store.read(name)
    assert " 0 diverged" in done.stdout
    return restored(RunConfig, about["config"]), rows


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=["-".join(row["optimizer"] + row["model"]) for row in ROWS])
def test_every_member_trains(tmp_path, row):
    words = [word for path, names in row.items() for word in (f"--base.{path}", *names)]
    # Images large enough for every network, a set large enough for every order, a rate low enough for all.
    sizes = ["--base.data.image-size", "16", "--base.factor", "0.05"]
    sizes += ["--base.data.train-size", "1024", "--base.subset-size", "512"]
    if Gradient.members()[row["gradient"][0]].needs_passes:
        sizes += ["--base.accumulate", "2"]
    run, rows = trained(tmp_path, *words, *sizes)
    for path, (_, several) in FAMILIES.items():
        members = value_at(run, path)
        assert [one.member_name() for one in (members if several else [members])] == row[path]
    found = rows.groupby("split")["metric"].unique()
    assert set(row["metrics"]) <= set(found["seen"])
    assert ("test_average" in found) is WeightAveraging.members()[row["averaging"][0]].keeps
    assert np.isfinite(rows["value"].to_numpy(float)).all()


@pytest.mark.parametrize("name", discover())
def test_every_experiment_takes_every_member_or_says_in_a_line_why_not(name):
    preset = discover()[name]["smoke"]
    dataset = data.load(preset.base.data)
    refused = {}
    members = [(path, one) for path, (family, _) in families_in(preset).items() for one in family.members()]
    for path, member in members:
        try:
            require_fitting(with_members(preset, [f"--{path}", member])[0], dataset)
        except InvalidInput as error:
            refused[member] = str(error)
    assert len(refused) < len(members) / 4
    for member, said in refused.items():
        assert "\n" not in said
        assert member in said or said.startswith("order.size")  # a cohort needs room of its own


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("edge", "--base.optimizer adam", "optimizer is 'adam': has no momentum, which is to be 0.0"),
        ("accumulation", "--base.model lenet", "model is 'lenet': has no norm, which is to be batch"),
        ("memory", "--base.model keras_cnn", "model is 'keras_cnn': has no width, which is to be 8"),
    ],
)
def test_a_field_that_a_member_lacks_cannot_be_varied(name, words, said):
    preset = discover()[name]["smoke"]
    preset = replace(preset, widths=(8,)) if isinstance(preset, Memory) else preset  # smoke varies none
    experiment, _ = with_members(preset, words.split())
    with pytest.raises(InvalidInput, match=said):
        experiment.runs()


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["group", "layer", "none"])
def test_every_norm_trains(tmp_path, norm):
    run, rows = trained(tmp_path, "--base.model.norm", norm)
    assert value_at(run, "model.norm") == norm
    assert rows.query("split == 'test' and metric == 'loss'")["value"].between(0, 4).all()
