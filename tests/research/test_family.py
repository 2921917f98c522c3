"""Families, on the project's own and on one written to a folder of its own."""

import importlib
import re
import sys
from dataclasses import dataclass, replace

import pytest

from research.augmentations import Augmentation
from research.augmentations.crop import Crop
from research.augmentations.flip import Flip
from research.averaging import WeightAveraging
from research.averaging.exponential import Exponential
from research.averaging.uniform import Uniform
from research.errors import InvalidInput
from research.family import (
    Family,
    argument,
    arguments,
    families_in,
    structure,
    value_at,
    with_arguments,
    with_value,
)
from research.gradients import Gradient
from research.losses import Loss
from research.metrics import Metric
from research.models import Model
from research.optimizers import Optimizer
from research.optimizers.sgd import SGD
from research.orders import Order
from research.records.identity import canonical, identity, restored
from research.training.config import RunConfig

FAMILIES: list[type[Family]] = [
    Augmentation,
    WeightAveraging,
    Gradient,
    Loss,
    Metric,
    Model,
    Optimizer,
    Order,
]
MEMBERS = [
    pytest.param(family, name, id=f"{family.__name__}-{name}")
    for family in FAMILIES
    for name in family.members()
]


def test_members_are_named_by_their_modules():
    found = Augmentation.members()
    assert list(found) == sorted(found)
    assert (found["crop"], found["flip"]) == (Crop, Flip)
    assert not [name for name in found if name.startswith("_")]
    assert Crop.member_name() == "crop"
    assert Crop.base() is Augmentation.base() is Augmentation


@pytest.mark.parametrize(("family", "name"), MEMBERS)
def test_every_member_is_a_run_of_its_own_that_its_record_restores(family, name):
    """Each is made with its defaults, hashed, written and read back."""
    member = family.members()[name]()
    path, (_, several) = next(item for item in families_in(RunConfig()).items() if item[1][0] is family)
    run = with_value(RunConfig(accumulate=2), path, (member,) if several else member)  # noise wants passes
    assert restored(RunConfig, canonical(run)) == run
    # A family younger than published records is not written where it is at its default.
    written = canonical(run)
    if path in written:
        assert (written[path][0] if several else written[path])["kind"] == name
    else:
        assert member == value_at(RunConfig(), path)
    others = [other() for other in family.members().values() if other is not type(member)]
    for other in others:
        assert identity(with_value(run, path, (other,) if several else other)) != identity(run)


def test_members_of_equal_fields_have_identities_of_their_own():
    one, other = (replace(RunConfig(), averaging=kind(2.0)) for kind in (Exponential, Uniform))
    assert vars(one.averaging) == vars(other.averaging)
    assert identity(one) != identity(other)


def test_a_record_of_a_member_that_is_not_there_is_one_line():
    content = canonical(RunConfig())
    content["optimizer"] = {"kind": "gone", "rate": 1}
    with pytest.raises(InvalidInput, match=r"record's optimizer is 'gone': is none of this version's: .*sgd"):
        restored(RunConfig, content)


@dataclass(frozen=True)
class Nested:
    """A config with an argument in a member, and in one of a sequence of members."""

    optimizer: Optimizer = SGD(momentum=0.5, nesterov=False)
    several: tuple[WeightAveraging, ...] = (Uniform(3.0), Exponential(2.0))
    plain: int = 4


def test_structure_has_all_but_the_arguments_and_arguments_have_the_rest():
    config = Nested()
    assert structure(config) == Nested(SGD(nesterov=False), (Uniform(), Exponential()))
    assert arguments(config) == {
        "optimizer": {"momentum": 0.5, "weight_decay": 5e-4},
        "several": ({"epochs": 3.0}, {"epochs": 2.0}),
    }
    assert with_arguments(structure(config), arguments(config)) == config


def test_arguments_may_be_anything_traced():
    """What a compiled function has in place of a number cannot be compared, so nothing is checked again."""
    traced = object()
    found = with_arguments(SGD(), {"momentum": traced})
    assert found.momentum is traced
    assert found.weight_decay == SGD().weight_decay
    assert found.nesterov


def test_values_are_read_and_set_by_path():
    run = with_value(RunConfig(), "optimizer.momentum", 0.25)
    assert value_at(run, "optimizer.momentum") == 0.25
    assert run == replace(RunConfig(), optimizer=SGD(momentum=0.25))
    with pytest.raises(InvalidInput, match=r"optimizer\.momentum is 2"):
        with_value(run, "optimizer.momentum", 2)
    with pytest.raises(InvalidInput, match="optimizer is 'sgd': has no norm, which is to be none"):
        with_value(run, "optimizer.norm", "none")


def test_a_config_tells_the_families_it_chooses_from():
    found = families_in(RunConfig())
    assert found["optimizer"] == (Optimizer, False)
    assert found["augmentation"] == (Augmentation, True)
    assert {family for family, _ in found.values()} == set(FAMILIES)


def test_words_say_what_is_not_at_its_default():
    assert SGD().in_words() == "sgd"
    assert SGD(momentum=0.5, nesterov=False).in_words() == "sgd (momentum=0.5, nesterov=False)"


BASE = """
from dataclasses import dataclass
from research.family import Family

@dataclass(frozen=True)
class Shape(Family):
    pass
"""
MEMBER = """
from dataclasses import dataclass
from {package}._shape import Shape

@dataclass(frozen=True)
class {name}(Shape):
    side: float = 1.0
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A family of its own, `shapes`, with a member `square`."""
    folder = tmp_path / "shapes"
    folder.mkdir()
    (folder / "__init__.py").write_text("from shapes._shape import Shape\n")
    (folder / "_shape.py").write_text(BASE)
    (folder / "square.py").write_text(MEMBER.format(package="shapes", name="Square"))
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.split(".")[0] == "shapes"]:
        del sys.modules[name]


def test_a_new_module_is_a_new_member(package):
    shape = importlib.import_module("shapes").Shape
    assert list(shape.members()) == ["square"]
    private, public = (MEMBER.format(package="shapes", name=name) for name in ("_Half", "Circle"))
    (package / "circle.py").write_text(private + public)
    importlib.invalidate_caches()
    assert list(shape.members()) == ["circle", "square"]


DECLARED = """
from dataclasses import dataclass, field
from research.family import argument
from shapes._shape import Shape
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MEMBER.format(package="shapes", name="One") + MEMBER.format(package="shapes", name="Two"), "has 2"),
        (MEMBER.format(package="shapes", name="_Private"), "one public subclass of Shape, and has 0"),
        ("from shapes.square import Square\n", "one public subclass of Shape, and has 0"),
        ("import nowhere_to_be_found\n", "cannot be imported .*No module named 'nowhere_to_be_found'"),
        ("def half(:\n", "cannot be imported .*SyntaxError"),
        (DECLARED + "class Odd(Shape):\n    side: float = 1.0\n", "must decorate Odd with @dataclass"),
        (
            DECLARED + "@dataclass(frozen=True)\nclass Odd(Shape):\n    side: float\n",
            "with its defaults .*'side'",
        ),
        (
            DECLARED + "@dataclass(frozen=True)\nclass Odd(Shape):\n    kind: str = 'a'\n",
            "call Odd.kind something",
        ),
        (
            DECLARED
            + "@dataclass(frozen=True)\nclass Odd(Shape):\n    a: list = field(default_factory=list)\n",
            "with its defaults .*unhashable",
        ),
        *(
            (
                DECLARED
                + f"@dataclass(frozen=True)\nclass Odd(Shape):\n    side: {hint} = argument({default})\n",
                f"type of side is '{shown}': an argument must be a float, int or bool, or a tuple",
            )
            for hint, default, shown in [
                ("float | None", "None", r"float \| None"),
                ("str", "'a'", "str"),
                ("tuple[str, ...]", "('a',)", r"tuple\[str, \.\.\.\]"),
                ("tuple[int, float]", "(1, 1.0)", r"tuple\[int, float\]"),
            ]
        ),
    ],
)
def test_a_module_that_holds_no_member_is_one_line_and_the_others_can_be_used(package, text, said):
    (package / "odd.py").write_text(text)
    importlib.invalidate_caches()
    shape = importlib.import_module("shapes").Shape
    with pytest.raises(InvalidInput, match=f"(?s)member is 'odd': {package / 'odd.py'} .*{said}") as raised:
        shape.member("odd")
    assert "\n" not in str(raised.value)
    assert shape.member("square").member_name() == "square"
    assert list(shape.files()) == ["odd", "square"]


def test_two_modules_of_one_name_are_refused(package, tmp_path, monkeypatch):
    shapes = importlib.import_module("shapes")
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "square.py").write_text(MEMBER.format(package="shapes", name="Mine"))
    monkeypatch.setattr(shapes, "__path__", [*shapes.__path__, str(other)])
    said = f"member is 'square': {package / 'square.py'} has this name, rename {other / 'square.py'}"
    with pytest.raises(InvalidInput, match=re.escape(said)):
        shapes.Shape.files()


@dataclass(frozen=True)
class Typed:
    """Arguments of every type."""

    real: float = argument(1)
    whole: int = argument(1)
    switch: bool = argument(True)
    pair: tuple[float, float] = argument((1, 2))
    several: tuple[int, ...] = argument((1, 2))


def test_arguments_are_of_their_declared_types():
    given = Typed(2, 3, False, (0.5, 4), (5, 6, 7))
    found = arguments(given)
    assert found == {"real": 2.0, "whole": 3, "switch": False, "pair": (0.5, 4.0), "several": (5, 6, 7)}
    assert [type(value) for value in (found["real"], *found["pair"])] == [float] * 3
    assert structure(given) == Typed(several=(1, 2, 1))  # a tuple's length is part of the program
    assert structure(given) == structure(replace(given, several=(7, 8, 9)))
    assert with_arguments(structure(given), found) == given


def test_a_member_in_a_folder_of_ones_own_is_found(tmp_path, monkeypatch):
    """`research/averaging/mine.py` in another folder on the path, as users add to a family."""
    import research.averaging

    folder = tmp_path / "research" / "averaging"
    folder.mkdir(parents=True)
    text = MEMBER.replace("{package}._shape import Shape", "research.averaging.uniform import Uniform")
    (folder / "mine.py").write_text(text.replace("(Shape)", "(Uniform)").format(name="Mine"))
    monkeypatch.setattr(research.averaging, "__path__", [*research.averaging.__path__, str(folder)])
    assert "mine" in WeightAveraging.members()
    run = replace(RunConfig(), averaging=WeightAveraging.members()["mine"](2.0))
    assert restored(RunConfig, canonical(run)) == run
    monkeypatch.delitem(sys.modules, "research.averaging.mine")
