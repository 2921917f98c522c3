"""A new experiment, from `experiments.new` to its verdict, by the very commands of docs/extending.md."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.new import FILES, New, write
from research.errors import InvalidInput

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clone")
    for name in ("research", "experiments", "analysis", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("commandline.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.mark.slow
def test_the_walk_through_runs_as_it_is_written(clone):
    text = (ROOT / "docs" / "extending.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines() if line.startswith("python ")]
    assert len(commands) == 9
    # The miniature's sizes are for people: the same commands at the smallest sizes take seconds.
    for command in dict.fromkeys(command.replace("quick", "smoke") for command in commands):
        words = shlex.split(command)[1:]
        done = subprocess.run(
            [sys.executable, *words], cwd=clone, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, command + done.stdout + done.stderr
    report = (clone / "results" / "figures" / "report.html").read_text()
    assert "A larger weight_decay shortens memory." in report
    assert not (clone / "paper_figures").exists()  # what is published changes by `make publish` alone
    assert "its verdicts are about nothing" in report.lower()


@pytest.mark.parametrize(
    ("name", "field", "values"),
    [("f", "epochs", (1.0, 3.0)), ("a" * 30, "weight_decay", (0.0005, 0.02)), ("g", "factor", (0.25, 1e6))],
)
def test_what_is_written_passes_linter_and_formatter(clone, name, field, values):
    write(New(name, field, values, False, clone))
    paths = [clone / path.format(name=name) for path in FILES.values()]
    _require_tidy(paths, clone)
    for path in paths:
        path.unlink()


def _require_tidy(paths, clone):
    ruff = str(Path(sys.executable).with_name("ruff"))
    for words in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [ruff, *words, *map(str, paths)], cwd=clone, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_written_passes_its_own_test(clone):
    write(New("wide_memory", "model.width", (8.0, 16.0), True, clone))
    paths = [str(clone / path.format(name="wide_memory")) for path in FILES.values()]
    _require_tidy(paths, clone)
    assert "model=replace(self.base.model, width=value)" in Path(paths[0]).read_text()
    assert "A larger model.width lengthens memory." in Path(paths[2]).read_text()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", paths[3]]
    subprocess.run(command, cwd=clone, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (New("Bad name"), "name is 'Bad name': must be small letters"),
        (New("class"), "name is 'class'"),
        (New("lr_sweep", folder=ROOT), r"lr_sweep\.py is there already"),
        (New("mine", "seed"), "field is 'seed': must be one of"),
        (New("mine", values=(1.0,)), "at least two different ones are needed"),
        (New("mine", "model.width", (1.5, 2)), "takes whole numbers"),
        (New("mine", folder=Path("/nowhere")), "folder is '/nowhere': has no experiments/"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(new, message):
    with pytest.raises(InvalidInput, match=message):
        write(new)
    assert not (ROOT / "experiments" / "mine.py").exists()
