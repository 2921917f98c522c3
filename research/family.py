"""Families: alternatives of one kind, each a frozen dataclass in a file of its own.

A family is a package with a base class, and a module for each member, which holds one public subclass of the
base. The module's name is the member's: on the command line, in records, in figures. To add a member, add
such a module to the package, or to a folder of the same name (`research/optimizers`, say) on PYTHONPATH.

A member's numbers are either part of the compiled program, or `argument`s of it: then runs that differ in
nothing else share a program. This module knows nothing of JAX.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from research.errors import require

T = TypeVar("T")


def argument(default: Any, versioned: bool = False) -> Any:
    """A field whose value is an argument of the compiled program, as an array; the others are part of it.

    Args:
        versioned: it is `versioned`, too.
    """
    return field(default=default, metadata={"argument": True} | ({"versioned": True} if versioned else {}))


def versioned(default: Any) -> Any:
    """A field that a config gains after records of it exist.

    While it has its default it is left out of the identity, so that the records made before it was there
    remain those of the same work. Its default must mean what was done before there was a choice.
    """
    return field(default=default, metadata={"versioned": True})


@dataclass(frozen=True)
class Family:
    """Base of all families' bases."""

    @classmethod
    def members(cls) -> dict[str, type]:
        """Every member by its name, in alphabetical order.

        Raises:
            ImportError: a module does not hold exactly one public subclass of the family's base.
        """
        base = cls.base()
        package = importlib.import_module(base.__module__.rpartition(".")[0])
        names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
        return {name: _member(f"{package.__name__}.{name}", base) for name in names if name[0] != "_"}

    @classmethod
    def base(cls) -> type["Family"]:
        """The family's base class."""
        return next(one for one in reversed(cls.__mro__) if Family in one.__bases__)

    @classmethod
    def member_name(cls) -> str:
        """This member's name: that of its module."""
        return cls.__module__.rpartition(".")[2]

    def in_words(self) -> str:
        """The member's name, and those of its fields that are not at their defaults."""
        told = [
            f"{item.name}={getattr(self, item.name)}"
            for item in fields(self)
            if getattr(self, item.name) != item.default
        ]
        return self.member_name() + (f" ({', '.join(told)})" if told else "")


def _member(module: str, base: type) -> type:
    public = [
        value
        for name, value in vars(importlib.import_module(module)).items()
        if isinstance(value, type)
        and issubclass(value, base)
        and value.__module__ == module
        and not name.startswith("_")
    ]
    if len(public) != 1:
        raise ImportError(f"{module} must hold one public subclass of {base.__name__}, and has {len(public)}")
    return public[0]


def structure(config: T) -> T:
    """The config with all of its arguments, and those of the members in it, at their defaults.

    Configs of equal structure share a compiled program.
    """
    assert is_dataclass(config)
    changes: dict[str, Any] = {}
    for item in fields(config):
        value = getattr(config, item.name)
        if "argument" in item.metadata:
            changes[item.name] = item.default
        elif isinstance(value, Family):
            changes[item.name] = structure(value)
        elif isinstance(value, tuple):
            changes[item.name] = tuple(structure(one) if isinstance(one, Family) else one for one in value)
    return replace(config, **changes)  # type: ignore[type-var]


def arguments(config: Any) -> dict[str, Any]:
    """The values of the arguments that `structure` leaves out, as nested dicts and tuples of numbers."""
    found: dict[str, Any] = {}
    for item in fields(config):
        value = getattr(config, item.name)
        if "argument" in item.metadata:
            found[item.name] = value
        elif isinstance(value, Family):
            found[item.name] = arguments(value)
        elif isinstance(value, tuple) and any(isinstance(one, Family) for one in value):
            found[item.name] = tuple(arguments(one) for one in value)
    return found


def with_arguments(config: T, values: Mapping[str, Any]) -> T:
    """The config with the values that `arguments` gave, which may be traced: nothing is checked again."""
    new = object.__new__(type(config))
    for item in fields(config):  # type: ignore[arg-type]
        value = getattr(config, item.name)
        if item.name in values:
            given = values[item.name]
            if isinstance(value, Family):
                given = with_arguments(value, given)
            elif isinstance(value, tuple):
                given = tuple(with_arguments(*pair) for pair in zip(value, given, strict=True))
            value = given
        object.__setattr__(new, item.name, value)
    return new


def value_at(config: Any, path: str) -> Any:
    """The value of a field, or of a field of a field: `optimizer.momentum`, say."""
    for name in path.split("."):
        config = getattr(config, name)
    return config


def with_value(config: T, path: str, value: Any) -> T:
    """The config with another value of a field, or of a field of a field.

    Raises:
        InvalidInput: there is no such field, as of a member that lacks it.
    """
    name, _, rest = path.partition(".")
    known = {item.name for item in fields(config)}  # type: ignore[arg-type]
    of = config.member_name() if isinstance(config, Family) else type(config).__name__
    require(name in known, name, value, f"{of} has no {name}")
    inner = with_value(getattr(config, name), rest, value) if rest else value
    return replace(config, **{name: inner})  # type: ignore[type-var]


def differing(config: Any, other: Any, prefix: str = "") -> list[str]:
    """Paths of the fields in which two configs of a type differ: a family's, where its members do."""
    paths: list[str] = []
    for item in fields(config):
        path, pair = prefix + item.name, (getattr(config, item.name), getattr(other, item.name))
        if is_dataclass(pair[0]) and type(pair[0]) is type(pair[1]):
            paths += differing(*pair, f"{path}.")
        elif pair[0] != pair[1]:
            paths.append(path)
    return paths


def families_in(config: Any, prefix: str = "") -> dict[str, tuple[type[Family], bool]]:
    """The families that a config, or a config in it, chooses from, by path; and whether it takes several."""
    found: dict[str, tuple[type[Family], bool]] = {}
    hints = get_type_hints(type(config))
    for item in fields(config):
        path, hint, value = prefix + item.name, hints[item.name], getattr(config, item.name)
        of = get_args(hint)[0] if get_origin(hint) is tuple else hint
        if isinstance(of, type) and issubclass(of, Family):
            found[path] = of.base(), of is not hint
        elif is_dataclass(value) and not isinstance(value, type):
            found |= families_in(value, f"{path}.")
    return found
