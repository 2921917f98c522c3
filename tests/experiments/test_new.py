"""A new experiment, from `experiments.new` to its verdict, by the very commands of docs/extending.md."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from experiments.new import New, check, write
from research.errors import InvalidInput

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text()
WALKS = PAGE.split("\n## ")[1:]
FILE = re.compile(r"This is `(\S+\.py)`:\n\n```python\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clone")
    for name in ("research", "experiments", "analysis", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("commandline.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    return folder


def run(clone: Path, *words: str) -> None:
    done = subprocess.run(words, cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, shlex.join(words) + done.stdout + done.stderr


def commands_of(walk: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", walk, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("python ")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("walk", "count", "sentence"),
    [
        (0, 9, "With optimizer.weight_decay 0.02 images are remembered less than with 0.0005."),
        (1, 8, "With model plain images are remembered less than with resnet."),
    ],
    ids=["field", "network"],
)
def test_each_walk_runs_as_it_is_written(clone, walk, count, sentence):
    for path, text in FILE.findall(WALKS[walk]):
        (clone / path).write_text(text)
        require_tidy(clone, [clone / path])
    commands = commands_of(WALKS[walk])
    assert len(commands) == count
    # The miniature's sizes are for people: the same commands at the smallest sizes take seconds.
    for command in dict.fromkeys(command.replace("quick", "smoke") for command in commands):
        run(clone, sys.executable, *shlex.split(command)[1:])
    report = (clone / "results" / "figures" / "report.html").read_text()
    assert sentence in report
    assert not (clone / "paper_figures").exists()  # what is published changes by `make publish` alone
    assert "its verdicts are about nothing" in report.lower()


def test_every_file_of_the_page_is_run():
    assert len(WALKS) == 2
    assert (
        len(re.findall("```python", PAGE)) == len(re.findall(r"This is `\S+\.py`:\n\n```python", PAGE)) == 1
    )


def require_tidy(clone: Path, paths: list[Path]) -> None:
    ruff = str(Path(sys.executable).with_name("ruff"))
    for words in (["check"], ["format", "--check"]):
        run(clone, ruff, *words, *map(str, paths))


FIELDS = {
    "f": ("epochs", ("1", "3")),
    "a" * 40: ("optimizer.natural_gradient.iterations", ("3", "5")),
    "factors": ("factor", ("0.25", "1e6", "3")),
    "families": ("optimizer", ("sgd", "adam", "muon")),
    "sequences": ("augmentation", ("crop,flip", "none")),
    "inside": ("augmentation.cutout.size", ("2", "4")),
    "norms": ("model.norm", ("batch", "none")),
    "losses": ("loss", ("cross_entropy", "squared_error")),
    "networks": ("model", ("resnet", "mlp")),
    "averages": ("averaging.uniform.epochs", ("1", "2")),
    "flags": ("optimizer.nesterov", ("True", "False")),
    "growth": ("grow_at", ("none", "1")),
    "subsets": ("subset_size", ("64", "128")),
}


def test_what_is_written_is_tidy_typed_and_passes_its_own_test(clone):
    """Of every kind of field, and of names as long as they may be."""
    paths = []
    for index, (name, (field, values)) in enumerate(FIELDS.items()):
        paths += write(New(name, field, values, "more" if index % 2 else "less", clone))
    require_tidy(clone, paths)
    tests = [str(path) for path in paths if path.name.startswith("test_")]
    run(clone, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
    (clone / ".venv").symlink_to(Path(sys.prefix))
    types = str(Path(sys.executable).with_name("basedpyright"))
    run(clone, types, *[str(path) for path in paths if path not in tests])
    for path in paths:
        path.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["inside", "losses", "sequences", "growth"])
def test_records_of_every_kind_of_field_are_told_apart(clone, name):
    field, values = FIELDS[name]
    write(New(name, field, values, folder=clone))
    run(clone, sys.executable, "-m", f"experiments.{name}", "--preset", "smoke", "--label", name)
    run(clone, sys.executable, "-m", f"analysis.{name}", "--label", name)
    program = f"from analysis import {name} as figure; import pandas as pd; " + (
        f"table = pd.read_parquet('results/figures/{name}/{name}.parquet'); "
        f"figure.memory(table).to_csv('{name}.csv'); figure.test_loss(table).to_csv('loss.csv')"
    )
    run(clone, sys.executable, "-c", program)
    for file in (f"{name}.csv", "loss.csv"):
        found = pd.read_csv(clone / file, index_col=0, keep_default_na=False, dtype=str)
        assert list(found.index) == list(values)
        assert (found.astype(float).abs() < 100).all(axis=None)  # a number for every value and seed


def test_each_value_has_one_spelling():
    assert check(New("mine", values=("5e-4", "0", "1.0"))) == ("0.0005", "0", "1")
    with pytest.raises(InvalidInput, match="must each be given once"):
        check(New("mine", values=("5e-4", "0.0005")))


@pytest.mark.parametrize(
    ("field", "values", "said"),
    [
        ("optimizer.", ("1", "2"), r"field is 'optimizer\.': must be one of data, .*joined by dots"),
        ("", ("1", "2"), "field is '': must be one of data"),
        ("model..width", ("1", "2"), r"field is 'model\.\.width': must be one of data"),
        ("gradient", ("mean", "fresh_noise"), "gradient is 'fresh_noise': .*accumulate must be at least 2"),
    ],
)
def test_a_field_of_which_no_experiment_can_be_made_is_one_line(field, values, said):
    with pytest.raises(InvalidInput, match=said):
        check(New("mine", field, values))


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (New("Bad name"), "name is 'Bad name': must be small letters"),
        (New("class"), "name is 'class'"),
        (New("lr_sweep", folder=ROOT), r"lr_sweep\.py is there already"),
        (New("mine", "seed"), "field is 'seed': is what every experiment varies"),
        (New("mine", "data.image_size"), "field is 'data.image_size': .* --data chooses"),
        (New("mine", values=("1",)), "at least two different ones are needed"),
        (New("mine", "model.width", ("1.5", "2")), "model.width is '1.5': must be a whole number"),
        (New("mine", "optimizer", ("sgd", "nobody")), "optimizer is 'nobody': must be one of adam"),
        (New("mine", "augmentation", ("crop,none", "none")), "augmentation is 'none': must be any of"),
        (New("mine", "optimizer.b1", ("0", "1")), "field is 'optimizer.b1': b1 must be one of momentum"),
        (New("mine", "optimizer.adam.b3", ("0", "1")), "field is 'optimizer.adam.b3': b3 must be one of b1"),
        (New("mine", "subset_size", ("64", "none")), "subset_size is 'none': images must be left out"),
        (New("mine", "schedule", ("1", "2")), "schedule is '1': must be given field by field"),
        (New("mine", folder=Path("/nowhere")), "folder is '/nowhere': has no experiments/"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(new, message):
    with pytest.raises(InvalidInput, match=message):
        write(new)
    assert not (ROOT / "experiments" / "mine.py").exists()
