import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from commandline import (
    CommandLineError,
    exit_with,
    families_in_words,
    parse,
    text_of,
    with_members,
    with_text,
)
from research.augmentations.crop import Crop
from research.augmentations.cutout import Cutout
from research.augmentations.flip import Flip
from research.averaging.exponential import Exponential
from research.errors import InvalidInput
from research.family import value_at
from research.models.keras_cnn import KerasCNN
from research.models.lenet import LeNet
from research.models.resnet import ResNet
from research.optimizers.adam import Adam
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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--epochs abc", "epochs is 'abc': must be a whole number"),
        ("--epochs=abc", "epochs is 'abc': must be a whole number"),
        ("--factor 1,5", "factor is '1,5': must be a number"),
        ("--epochs", "epochs is '': must be a whole number"),
        ("--precision half", "precision is 'half': must be one of float32, bfloat16, float16"),
        ("--data.train-size many", "data.train_size is 'many': must be a whole number or None"),
        ("--data.train_size many", "data.train_size is 'many': must be a whole number or None"),
        ("--data.synthetic.noise --seed 1", "data.synthetic.noise is '': must be a number"),
        ("--model.blocks 1 a --seed 1", "model.blocks is '1 a': must be a whole number, several by spaces"),
        ("--augmentation.0.padding x", "augmentation.0.padding is 'x': must be a whole number"),
        ("--seed 1 2", "Unrecognized options: 2"),
    ],
)
def test_an_option_that_does_not_take_a_value_is_said_as_all_else_is(words, said):
    with pytest.raises(CommandLineError) as error:
        parse(RunConfig, "program", None, words.split(), RunConfig())
    assert str(error.value) == said


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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_output_that_has_no_room_is_one_line():
    code = "from commandline import exit_with; exit_with(lambda: print('x'))"
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-c", code]
        done = subprocess.run(words, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: the output: No space left on device\n"


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


BASE = RunConfig(augmentation=(Crop(2), Flip()), model=ResNet(width=8), optimizer=SGD(momentum=0.5))


@pytest.mark.parametrize(
    ("path", "text", "of", "value"),
    [
        ("batch_size", "16", "batch_size", 16),
        ("factor", "5e-1", "factor", 0.5),
        ("subset_size", "none", "subset_size", None),
        ("subset_size", "512", "subset_size", 512),
        ("grow_at", "1,3", "grow_at", (1, 3)),
        ("grow_at", "none", "grow_at", ()),
        ("precision", "bfloat16", "precision", "bfloat16"),
        ("optimizer.momentum", "0", "optimizer", SGD(momentum=0)),
        ("optimizer.nesterov", "False", "optimizer", SGD(momentum=0.5, nesterov=False)),
        ("model.norm", "none", "model", ResNet(width=8, norm="none")),
        ("optimizer", "adam", "optimizer", Adam()),
        ("optimizer", "sgd", "optimizer", SGD(momentum=0.5)),  # as the run has it
        ("optimizer.adam.b1", "0.8", "optimizer", Adam(b1=0.8)),
        ("optimizer.sgd.weight_decay", "0", "optimizer", SGD(momentum=0.5, weight_decay=0)),
        ("model.keras_cnn.dropout", "0.1,0.2", "model", KerasCNN((0.1, 0.2))),
        ("augmentation", "none", "augmentation", ()),
        ("augmentation", "cutout,crop", "augmentation", (Cutout(), Crop(2))),
        ("augmentation.crop.padding", "1", "augmentation", (Crop(1), Flip())),
        ("augmentation.cutout.size", "3", "augmentation", (Crop(2), Flip(), Cutout(3))),
    ],
)
def test_any_field_of_a_run_is_set_by_a_word_and_told_as_one(path, text, of, value):
    changed = with_text(BASE, path, text)
    assert value_at(changed, of) == value
    assert with_text(BASE, path, text_of(changed, path)) == changed


def test_what_another_member_has_is_told_to_be_missing():
    assert text_of(BASE, "optimizer.adam.b1") == text_of(BASE, "augmentation.cutout.size") == "none"


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("nothing", "1", "field is 'nothing': nothing must be one of data, subset_size"),
        ("batch_size.more", "1", "field is 'batch_size.more': batch_size has no fields"),
        ("optimizer.b1", "1", "field is 'optimizer.b1': b1 must be one of momentum, .*FAMILY.MEMBER.FIELD"),
        ("optimizer.nobody.b1", "1", "field is 'optimizer.nobody.b1': its second part must be one of adam"),
        ("augmentation.padding", "1", "field is 'augmentation.padding': augmentation has no fields"),
        ("batch_size", "1.5", "batch_size is '1.5': must be a whole number"),
        ("batch_size", "0", "batch_size is 0: must be at least 1"),
        ("subset_size", "some", "subset_size is 'some': must be a whole number or none"),
        ("model.blocks", "1,a", "model.blocks is '1,a': must be a whole number, several by commas"),
        ("model.norm", "other", "model.norm is 'other': must be one of batch, group, layer, none"),
        ("model.activation", "tanh", "model.activation is 'tanh': must be one of relu, leaky_relu, gelu"),
        ("optimizer.nesterov", "1", "optimizer.nesterov is '1': must be True or False"),
        ("optimizer", "", "optimizer is '': must be one of adam"),
        ("augmentation", "crop,none", "augmentation is 'none': must be any of crop"),
        ("schedule", "fixed", "schedule is 'fixed': must be given field by field"),
    ],
)
def test_a_word_that_a_field_does_not_take_is_one_line(path, text, message):
    with pytest.raises(InvalidInput, match=message):
        with_text(BASE, path, text)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "--optimizer.b1 0.5",
            "optimizer.b1 is '0.5': sgd has no b1, but momentum, nesterov, weight_decay; "
            "--optimizer chooses one that has it: adam, adamw, muon",
        ),
        ("--optimizer adam --optimizer.momentum=0", "optimizer.momentum is '0': adam has no momentum"),
        ("--model.zzz 3", "model.zzz is '3': resnet has no zzz, but width"),
        ("--loss squared_error --loss.smoothing 0", "--loss chooses one that has it: cross_entropy"),
    ],
)
def test_a_field_of_a_member_that_is_not_chosen_names_both(words, said):
    with pytest.raises(InvalidInput, match=re.escape(said)):
        with_members(PRESET, words.split())


@dataclass(frozen=True)
class Switches:
    """Options that are True or False, at the top, in a member and in a sequence of members."""

    optimizer: SGD = SGD()
    nested: tuple[SGD, ...] = (SGD(),)
    dry_run: bool = False


@pytest.mark.parametrize("yes", ["--dry-run", "--dry-run True", "--dry-run=True", "--dry_run True"])
@pytest.mark.parametrize("no", ["no-nesterov", "nesterov False", "nesterov=False"])
def test_what_is_true_or_false_is_given_either_way(yes, no):
    words = f"{yes} --optimizer.{no} --nested.0.{no}"
    found = parse(Switches, "experiments.train", None, words.split(), Switches())
    assert found == Switches(SGD(nesterov=False), (SGD(nesterov=False),), dry_run=True)


def test_a_value_out_of_range_is_the_projects_own_line_alone():
    with pytest.raises(CommandLineError) as raised:
        parse(Switches, "experiments.train", None, ["--optimizer.momentum", "1"], Switches())
    assert str(raised.value) == "optimizer.momentum is 1.0: must be at least 0 and below 1"
