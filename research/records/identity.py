"""What a config is on disk, and the name that follows from it.

A config is a frozen dataclass. Its canonical form is plain JSON that equal configs share; its identity is
a hash of that form, less the `versioned` fields (`research.family`) that have their defaults. This module
knows nothing of JAX.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from research.errors import require
from research.family import Family

SCHEMA = 2  # raise it with any change to what a record's files mean

T = TypeVar("T")


def canonical(config: Any) -> dict[str, Any]:
    """A dataclass as plain JSON values, with its type's name, in a form that equal configs share."""
    assert is_dataclass(config)
    assert not isinstance(config, type)
    assert "kind" not in {item.name for item in fields(config)}, "a config's `kind` is its type"
    return {"kind": type(config).__name__, **_plain(config)}


def _plain(value: Any, skip_versioned: bool = False) -> Any:
    if is_dataclass(value):
        kind = {"kind": value.member_name()} if isinstance(value, Family) else {}
        return kind | {
            item.name: _plain(getattr(value, item.name), skip_versioned)
            for item in fields(value)
            if not (
                skip_versioned and "versioned" in item.metadata and getattr(value, item.name) == item.default
            )
        }
    if isinstance(value, Mapping):
        return {key: _plain(item, skip_versioned) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, skip_versioned) for item in value]
    # 1.0 and 1 are the same learning-rate factor, and must be the same run.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def restored(kind: type[T], content: Mapping[str, Any]) -> T:
    """The dataclass that `canonical` made this of; a field that was added later has its default.

    Raises:
        InvalidInput: it has fields that this version of the dataclass has not.
    """
    require(content.get("kind") == kind.__name__, "record", content.get("kind"), f"must be a {kind.__name__}")
    return _typed(kind, {name: value for name, value in content.items() if name != "kind"})


def _typed(hint: Any, value: Any) -> Any:
    """A value of this type, of one that `_plain` made plain."""
    choices = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if isinstance(value, Mapping):
        if isinstance(hint, type) and issubclass(hint, Family):
            members = hint.files()
            kind = str(value.get("kind"))
            known = f"is none of this version's: {', '.join(members)}"
            family = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", hint.__name__).lower()
            require(kind in members, f"record's {family}", kind, known)
            choices = (hint.member(kind),)
            value = {name: item for name, item in value.items() if name != "kind"}
        known = {one: {item.name for item in fields(one)} for one in choices if is_dataclass(one)}
        fitting: list[Any] = [one for one, names in known.items() if set(value) <= names]
        strange = sorted(set(value).difference(*known.values()))
        require(bool(fitting), "record", strange, "are fields that this version of the code has not")
        hints = get_type_hints(fitting[0])
        return fitting[0](**{name: _typed(hints[name], item) for name, item in value.items()})
    if isinstance(value, list):
        (of, *_) = [get_args(one)[0] for one in choices if get_origin(one) is tuple]
        return tuple(_typed(of, item) for item in value)
    return float(value) if isinstance(value, int) and float in choices and int not in choices else value


def identity(config: Any) -> str:
    """The record's name: 16 hex digits of the SHA-256 of the canonical config and the schema."""
    content = {"kind": type(config).__name__, **_plain(config, skip_versioned=True)}
    text = json.dumps([SCHEMA, content], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
