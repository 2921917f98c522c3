import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from commandline import CommandLineError, exit_with, families_in_words, parse, with_members
from research.augmentations.crop import Crop
from research.augmentations.cutout import Cutout
from research.augmentations.flip import Flip
from research.averaging.exponential import Exponential
from research.errors import InvalidInput
from research.models.lenet import LeNet
from research.optimizers.sgd import SGD
from research.training.config import RunConfig

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Options:
    """What to do.

    Attributes:
        count: how often.
    """

    count: int = 1


def test_arguments_become_a_dataclass():
    assert parse(Options, "program", None, ["--count", "3"]) == Options(3)
    assert parse(Options, "program", None, [], Options(7)) == Options(7)


@pytest.mark.parametrize("arguments", [["--count", "x"], ["--cuont", "3"], ["--count"], ["3"]])
def test_a_mistake_is_one_line_that_names_the_option(arguments):
    with pytest.raises(CommandLineError) as error:
        parse(Options, "program", None, arguments)
    assert "\n" not in str(error.value)
    assert arguments[0].lstrip("-") in str(error.value)


def test_help_is_printed_and_leaves_with_0(capsys):
    with pytest.raises(SystemExit) as stop:
        parse(Options, "program", "Does it.", ["--help"])
    assert stop.value.code == 0
    assert "how often" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("problem", "status", "line"),
    [(InvalidInput("a", 1, "b"), 2, "error: a is 1: b\n"), (KeyboardInterrupt(), 130, "stopped\n")],
)
def test_statuses_are_those_a_shell_expects(problem, status, line, capsys):
    def main():
        raise problem

    with pytest.raises(SystemExit) as stop:
        exit_with(main, "stopped")
    assert (stop.value.code, capsys.readouterr().err) == (status, line)


def test_a_defect_of_ours_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        exit_with(lambda: 1 / 0)  # type: ignore[arg-type,return-value]


def test_a_reader_who_has_enough_is_no_error():
    code = "from commandline import exit_with; exit_with(lambda: print('x' * 10**6))"
    words = f'{shlex.quote(sys.executable)} -c {shlex.quote(code)} | head -c 1; echo " ${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "x 141\n"
    assert "Traceback" not in done.stderr


PRESET = RunConfig(augmentation=(Crop(2), Flip()), optimizer=SGD(momentum=0.5))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--model lenet", {"model": LeNet()}),
        ("--model=lenet", {"model": LeNet()}),
        ("--averaging exponential --averaging.epochs 2", {"averaging": Exponential()}),
        ("--augmentation none", {"augmentation": ()}),
        ("--augmentation", {"augmentation": ()}),
        ("--augmentation flip cutout", {"augmentation": (Flip(), Cutout())}),
        ("--augmentation=flip", {"augmentation": (Flip(),)}),
        ("--optimizer sgd", {}),  # the preset's own numbers are kept
        ("--augmentation flip crop", {"augmentation": (Flip(), Crop(2))}),
    ],
)
def test_members_are_chosen_by_name(arguments, expected):
    found, left = with_members(PRESET, arguments.split())
    assert found == replace(PRESET, **expected)
    assert left == (["--averaging.epochs", "2"] if "epochs" in arguments else [])


def test_other_options_are_left_as_they_are():
    words = ["--epochs", "3", "--seed=4", "--optimizer.momentum", "0.1", "--grow-at", "1", "2"]
    assert with_members(PRESET, words) == (PRESET, words)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("--model vgg", "model is 'vgg': must be one of .*lenet, .*resnet"),
        ("--model", "model is '': must be one of"),
        ("--model --epochs 2", "model is '': must be one of"),
        ("--model=", "model is '': must be one of"),
        ("--augmentation flip warp", "augmentation is 'warp': must be any of .*crop"),
        ("--augmentation flip none", "augmentation is 'none': must be any of"),
    ],
)
def test_a_member_that_is_not_there_is_one_line(arguments, error):
    with pytest.raises(InvalidInput, match=error):
        with_members(PRESET, arguments.split())


def test_the_help_names_every_choice():
    text = families_in_words(PRESET)
    assert re.search(r"--model .*\blenet\b.*\bresnet\b", text)
    assert re.search(r"--augmentation .*\bcrop\b.*\(any, in sequence, or none\)", text)
