"""A member of each family from a folder of one's own: chosen, trained, recorded, read back and replayed."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from analysis._tables import where
from research.family import families_in, value_at
from research.measures.replay import Replay
from research.records.identity import canonical, identity, restored
from research.records.store import Store
from research.training.config import RunConfig

ROOT = Path(__file__).parents[2]
TOYS = Path(__file__).with_name("toys")
FAMILIES = [path.stem for path in sorted(TOYS.glob("[a-z]*.py"))]
PACKAGES = {name: "data.sources" if name == "data" else name for name in FAMILIES}


@pytest.fixture
def ones_own(tmp_path, monkeypatch) -> Iterator[Path]:
    """The folder, on this process's path too."""
    for family, name in PACKAGES.items():
        folder = tmp_path.joinpath("research", *name.split("."))
        folder.mkdir(parents=True)
        shutil.copy(TOYS / f"{family}.py", folder / "toy.py")
        package = importlib.import_module(f"research.{name}")
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    yield tmp_path
    for name in PACKAGES.values():
        sys.modules.pop(f"research.{name}.toy", None)


def values(rows: pd.DataFrame, split: str, metric: str = "loss") -> NDArray[np.float64]:
    return where(rows, split=split, metric=metric)["value"].to_numpy(float)


def test_there_is_a_toy_of_every_family():
    found = {family.__module__.split(".")[1] for family, _ in families_in(RunConfig()).values()}
    assert found | {"data"} == set(FAMILIES)


def test_a_sweep_with_members_of_ones_own(ones_own):
    chosen = dict.fromkeys(families_in(RunConfig()), "toy") | {"metrics": "loss learning_rate toy"}
    words = [word for path, names in chosen.items() for word in (f"--base.{path}", *names.split())]
    command = "-m experiments.forgetting --preset smoke --data toy --seeds 1 --base.optimizer.size 0.5"
    done = subprocess.run(
        [sys.executable, *command.split(), *words, "--results", str(ones_own / "results")],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ones_own}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    store = Store(ones_own / "results")
    about = store.read_experiment("smoke-toy", "forgetting")
    assert about["data"] == "stripes"
    assert "0 diverged" in done.stdout
    for name in about["measurements"]:
        measured = restored(Replay, store.read(name)[0]["config"])
        assert identity(measured) == name
        run = measured.run
        for path, (family, several) in families_in(run).items():
            members = value_at(run, path)
            toy = members[-1] if several else members
            assert isinstance(toy, family)
            assert type(toy).__module__.endswith(".toy")
            written = canonical(run)[path]
            assert (written[-1] if several else written)["kind"] == "toy"
        assert value_at(run, "optimizer.size") == 0.5
        trained, replayed = store.read(run)[1], store.read(measured)[1]
        # Sign descent moves every parameter by half of the rate; the metric says so.
        np.testing.assert_allclose(values(trained, "seen", "toy"), 0.5, rtol=1e-3)
        # A fixed order and an augmentation that draws nothing: the epochs are alike.
        checks = values(trained, "seen", "order_checksum")
        assert len(checks) == run.epochs
        assert len(np.unique(checks)) == 1
        # Weights of 0, logits of 0, and ln 2 of every logistic regression.
        np.testing.assert_allclose(values(trained, "test_average"), np.log(2), rtol=1e-6)
        assert not np.allclose(values(trained, "test"), np.log(2), rtol=1e-3)
        seen = values(replayed, "seen")
        assert len(seen) == run.steps_per_epoch(320) * measured.epochs_back
        # The augmentation draws nothing: a fresh view is the view that was seen.
        np.testing.assert_array_equal(seen, values(replayed, "fresh_view"))


def command(ones_own: Path, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "experiments.train", "--preset", "smoke", "--dry-run", *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ones_own}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_broken_member_stops_only_the_commands_that_choose_it(ones_own):
    broken = ones_own / "research" / "optimizers" / "broken.py"
    broken.write_text("import nowhere_to_be_found\n")
    chosen, others = command(ones_own, "--base.optimizer", "broken"), command(ones_own, "--base.model", "toy")
    assert (chosen.returncode, others.returncode) == (2, 0)
    assert chosen.stderr.startswith(f"error: member is 'broken': {broken} cannot be imported (ModuleNotFound")
    assert chosen.stderr.count("\n") == 1


def test_a_file_of_ones_own_with_a_name_that_is_taken_is_not_passed_over(ones_own):
    mine = ones_own / "research" / "optimizers" / "sgd.py"
    mine.write_text((TOYS / "optimizers.py").read_text())
    done = command(ones_own)
    assert done.returncode == 2
    assert re.fullmatch(f"error: member is 'sgd': .* has this name, rename {mine}\n", done.stderr)


def test_records_name_the_version_of_a_member_from_outside_and_a_change_is_told(ones_own):
    words = ("--no-dry-run", "--base.optimizer", "toy", "--results", str(ones_own / "results"))
    assert "warning" not in command(ones_own, *words).stderr
    assert "warning" not in command(ones_own, *words).stderr
    store = Store(ones_own / "results")
    (name,) = store.names()
    assert set(store.about(name)["provenance"]["members"]) == {"optimizers.toy"}
    mine = ones_own / "research" / "optimizers" / "toy.py"
    mine.write_text(mine.read_text() + "# changed\n")
    told = command(ones_own, *words)
    assert "1 found done" in told.stdout
    assert "warning: records found done were made with another version of optimizers.toy" in told.stderr
