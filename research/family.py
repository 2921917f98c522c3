"""Families: alternatives of one kind, each a frozen dataclass in a file of its own.

A family is a package with a base class, and a module for each member, which holds one public subclass of the
base. The module's name is the member's: on the command line, in records, in figures. To add a member, add
such a module to the package, or to a folder of the same name (`research/optimizers`, say) on PYTHONPATH.

A member's numbers are either part of the compiled program, or `argument`s of it: then runs that differ in
nothing else share a program. This module knows nothing of JAX.
"""

import importlib
import pkgutil
from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_args, get_origin, get_type_hints

from research.errors import InvalidInput, require

T = TypeVar("T")


def argument(default: Any, versioned: bool = False) -> Any:
    """A field whose value is an argument of the compiled program, as an array; the others are part of it.

    Its type is float, int or bool, or a tuple of one of these; a tuple's length is part of the program. What
    decides about the program, a network's width say, cannot be one.

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
class Family(ABC):  # noqa: B024 (its subclasses say what a member has to have)
    """Base of all families' bases."""

    @classmethod
    def files(cls) -> dict[str, Path]:
        """Where every member's module is, by the member's name, in alphabetical order; none is imported.

        Raises:
            InvalidInput: two folders have a module of the same name.
        """
        found: dict[str, Path] = {}
        for folder in _package_of(cls.base()).__path__:
            for module in pkgutil.iter_modules([folder]):
                path = Path(folder, module.name if module.ispkg else f"{module.name}.py")
                if module.name[0] != "_":
                    first = found.setdefault(module.name, path)
                    require(first == path, "member", module.name, f"{first} has this name, rename {path}")
        return dict(sorted(found.items()))

    @classmethod
    def member(cls, name: str) -> type:
        """The member of this name, which is one of `files`.

        Raises:
            InvalidInput: its module cannot be imported, or does not hold what a member is.
        """
        base, file = cls.base(), cls.files()[name]
        try:
            module = importlib.import_module(f"{_package_of(base).__name__}.{name}")
        except Exception as error:  # it is the user's own code: there is no telling
            _refuse(name, file, f"cannot be imported ({_in_a_line(error)})", error)
        public = [
            value
            for key, value in vars(module).items()
            if isinstance(value, type)
            and issubclass(value, base)
            and value.__module__ == module.__name__
            and not key.startswith("_")
        ]
        if len(public) != 1:
            _refuse(name, file, f"must hold one public subclass of {base.__name__}, and has {len(public)}")
        (member,) = public
        kind = member.__name__
        if "__dataclass_fields__" not in vars(member):
            _refuse(name, file, f"must decorate {kind} with @dataclass(frozen=True)")
        if "kind" in {item.name for item in fields(member)}:
            _refuse(name, file, f"must call {kind}.kind something else: records keep the member's name there")
        try:
            made = member()
            hash(made)
            arguments(made)
        except Exception as error:
            _refuse(name, file, f"must hold what can be made with its defaults ({_in_a_line(error)})", error)
        return member

    @classmethod
    def members(cls) -> dict[str, type]:
        """Every member by its name, in alphabetical order.

        Raises:
            InvalidInput: one of them cannot be used.
        """
        return {name: cls.member(name) for name in cls.files()}

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


def _package_of(base: type) -> Any:
    return importlib.import_module(base.__module__.rpartition(".")[0])


def _refuse(name: str, file: Path, why: str, error: Exception | None = None) -> NoReturn:
    raise InvalidInput("member", name, f"{file} {why}") from error


def _in_a_line(error: Exception) -> str:
    said = " ".join(str(error).split())
    return said if isinstance(error, InvalidInput) else f"{type(error).__name__}: {said}"


def structure(config: T) -> T:
    """The config with all of its arguments, and those of the members in it, at neutral values.

    Configs of equal structure share a compiled program.
    """
    return with_arguments(config, _arguments(config, lambda item, kind, value: _neutral(item.default, value)))


def arguments(config: Any) -> dict[str, Any]:
    """The values of the arguments that `structure` leaves out, as nested dicts and tuples of numbers.

    Each is of its field's type: a float that was given as 1 is 1.0.

    Raises:
        InvalidInput: an argument is declared that cannot be one.
    """
    return _arguments(
        config,
        lambda item, kind, value: tuple(map(kind, value)) if isinstance(value, tuple) else kind(value),
    )


def _arguments(config: Any, of: Callable[[Any, type, Any], Any]) -> dict[str, Any]:
    """What a function of each argument, its numbers' type and its value comes to; no entry where none is."""
    found: dict[str, Any] = {}
    kinds = _argument_kinds(type(config))
    for item in fields(config):
        value = getattr(config, item.name)
        if item.name in kinds:
            found[item.name] = of(item, kinds[item.name], value)
        elif isinstance(value, Family):
            found[item.name] = _arguments(value, of)
        elif isinstance(value, tuple) and any(isinstance(one, Family) for one in value):
            found[item.name] = tuple(_arguments(one, of) for one in value)
    return found


@cache
def _argument_kinds(config: type) -> dict[str, type]:
    """The type of the numbers of each of a config's arguments."""
    found: dict[str, type] = {}
    for item in fields(config):
        if "argument" in item.metadata:
            hint: Any = get_type_hints(config)[item.name]
            kinds = set(get_args(hint)) - {Ellipsis} if get_origin(hint) is tuple else {hint}
            shown = hint.__name__ if isinstance(hint, type) else str(hint)
            allowed = "an argument must be a float, int or bool, or a tuple of one of these"
            require(len(kinds) == 1 and kinds <= {float, int, bool}, f"type of {item.name}", shown, allowed)
            (found[item.name],) = kinds
    return found


def _neutral(default: Any, value: Any) -> Any:
    """The default; of a tuple as many numbers as the value has."""
    if not isinstance(value, tuple):
        return default
    return tuple(default[place % len(default)] if default else 0 for place in range(len(value)))


def with_arguments(config: T, values: Mapping[str, Any]) -> T:
    """The config with the values that `arguments` gave, which may be traced: nothing is checked again."""
    new = object.__new__(type(config))
    for item in fields(config):  # type: ignore[arg-type]
        value = getattr(config, item.name)
        if item.name in values:
            given = values[item.name]
            if isinstance(value, Family):
                given = with_arguments(value, given)
            elif isinstance(value, tuple) and any(isinstance(one, Family) for one in value):
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
    inner = getattr(config, name)
    if rest and isinstance(inner, Family):  # the member is what the user chose, the value perhaps not
        field_of, known = rest.partition(".")[0], {item.name for item in fields(inner)}
        require(field_of in known, name, inner.member_name(), f"has no {field_of}, which is to be {value}")
    inner = with_value(inner, rest, value) if rest else value
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
