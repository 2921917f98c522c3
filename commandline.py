"""Command lines, for experiments and analysis alike: a user's mistake is one line and exit status 2.

Parsing is Tyro's; this module only says how its errors and the project's own are shown.
"""

import contextlib
import errno
import importlib
import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import tyro

from research.errors import InvalidInput, require
from research.family import Family, families_in, value_at, with_value

T = TypeVar("T")


class CommandLineError(InvalidInput):
    """An option that does not exist or does not take this value."""

    def __init__(self, text: str):
        ValueError.__init__(self, text)


_JAX_READS = ("JAX", "CHECK_VMA", "EAGER_CONSTANT_FOLDING", "MOCK_NUM_GPU_PROCESSES")
"""How the names of variables begin that JAX takes its settings from."""


def require_jax() -> None:
    """Leave, as `exit_with` does, where JAX cannot be imported for a variable of the shell's.

    It reads them as it is imported, which modules of commands do before there is a `main` to catch it. Where
    there is no such variable nothing is imported.
    """
    given = [name for name in os.environ if name.startswith(_JAX_READS)]
    if not given:
        return
    try:
        importlib.import_module("jax")
    except ValueError as error:
        said = " ".join(str(error).split())
        named = [name for name in given if re.search(rf"\b{name}\b", said, re.IGNORECASE)]
        for name in named[:1] or given:
            print(f"error: {name} is {os.environ[name]!r}: JAX cannot use it: {said[:160]}", file=sys.stderr)
        sys.exit(2)


def parse(
    kind: type[T],
    program: str,
    description: str | None,
    arguments: Sequence[str] | None = None,
    default: T | None = None,
) -> T:
    """Parse a command line into a dataclass.

    Args:
        program: the module that the user runs.
        arguments: None: this process's.
        default: values of the options that are not given.

    Raises:
        CommandLineError: the arguments do not fit.
    """
    boxed = io.StringIO()
    # Commands keep lines of their own in the help: what is indented is not filled.
    description = re.sub(r"^python -m", "    python -m", description or "", flags=re.MULTILINE)
    try:
        with contextlib.redirect_stderr(boxed):
            parsed = tyro.cli(
                kind,
                prog=f"python -m {program}",
                description=description,
                args=_with_flags(sys.argv[1:] if arguments is None else arguments, default or kind),
                default=default,
                config=(tyro.conf.AvoidSubcommands,),
            )
            return cast("T", parsed)
    except SystemExit as stop:
        if stop.code != 2:
            raise
        # Tyro draws its errors in a box of several lines; scripts and logs are better served by one.
        text = re.sub(r"[│╭╮╰╯─]+|\x1b\[[0-9;]*m", " ", boxed.getvalue())
        text = re.sub(r"\s+", " ", text).strip()
        text = re.sub(r"^(Parsing error|Value error) ", "", text)
        text = re.sub(r" (Argument helptext|For full helptext)\b.*", "", text)
        text = re.sub(r"^Error parsing [\w.-]+: (?=[\w.]+ is )", "", text)  # the project's own say it all
        # The box's title often says what its text begins with.
        text = re.sub(r"^(\w+ \w+) (?=\1)", "", text, flags=re.IGNORECASE)
        given = sys.argv[1:] if arguments is None else arguments
        raise CommandLineError(_in_our_words(text, given, default or kind)) from None


def _in_our_words(text: str, arguments: Sequence[str], config: Any) -> str:
    """FIELD is VALUE: ALLOWED, where Tyro says that an option does not take its value; else what it says."""
    about = re.match(r"(?:Error parsing|invalid choice .* argument|Missing .* argument) '?--([\w.-]+)", text)
    path = _path(f"--{about[1]}") if about else ""
    hint = _hint_at(config, path.split("."))
    if hint is None:
        return text
    words: list[str] = []
    collects = False
    for word in arguments:
        option, equals, value = word.partition("=")
        if option.startswith("--"):
            collects = _path(option) == path
            words = ([value] if equals else []) if collects else words
        elif collects:
            words.append(word)
    return str(InvalidInput(path, " ".join(words), f"must be {_in_words(hint, 'spaces')}"))


def _path(option: str) -> str:
    """The path of the field that an option is of: `base.batch_size` of `--base.batch-size`; else empty."""
    return option.removeprefix("--").replace("-", "_") if option.startswith("--") else ""


def _is_nameless(hint: Any) -> bool:
    """Whether Tyro is told to give a field of this type no name: it adds nothing to its own fields' names."""
    return any(getattr(about, "name", None) == "" for about in getattr(hint, "__metadata__", ()))


def _hint_at(config: Any, path: Sequence[str]) -> Any:
    """The type of the field at a path of a dataclass, or of an instance; None: there is no such field."""
    if isinstance(config, tuple) and path[0].isdecimal() and int(path[0]) < len(config):
        return _hint_at(config[int(path[0])], path[1:])
    if not is_dataclass(config) or not path:
        return None
    hints = get_type_hints(config if isinstance(config, type) else type(config), include_extras=True)
    for item in fields(config):
        hint, value = hints[item.name], getattr(config, item.name, None)
        bare = get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
        within = bare if value is None or not (is_dataclass(value) or isinstance(value, tuple)) else value
        if _is_nameless(hint):
            found = _hint_at(within, path)
        elif item.name == path[0]:
            found = bare if len(path) == 1 else _hint_at(within, path[1:])
        else:
            found = None
        if found is not None:
            return found
    return None


def _with_flags(arguments: Sequence[str], config: Any) -> list[str]:
    """`--wandb True` and `--wandb False` as Tyro has them: `--wandb` and `--no-wandb`."""
    flags, left, found = set(_flags(config)), list(arguments), []
    while left:
        word = left.pop(0)
        option, equals, value = word.partition("=")
        option = option.replace("_", "-")
        if option in flags and not equals and left and left[0] in ("True", "False"):
            value = left.pop(0)
        of, dot, name = option.removeprefix("--").rpartition(".")
        is_set = option in flags and value in ("True", "False")
        found.append(f"--{of}{dot}{'' if value == 'True' else 'no-'}{name}" if is_set else word)
    return found


def _flags(config: Any, prefix: str = "--") -> Iterator[str]:
    """The options of a dataclass, or of one with all its defaults, that are True or False."""
    for item in fields(config) if is_dataclass(config) else ():
        value = getattr(config, item.name, item.default)
        nameless = _is_nameless(item.type)
        path = prefix if nameless else f"{prefix}{item.name.replace('_', '-')}"
        if isinstance(value, bool):
            yield path
        members = value if isinstance(value, tuple) else ()
        for place, one in [(f".{index}", one) for index, one in enumerate(members)] or [("", value)]:
            yield from _flags(one, path if nameless else f"{path}{place}.")


def with_members(config: T, arguments: Sequence[str]) -> tuple[T, list[str]]:
    """Choose members of families: `--base.optimizer adam`, `--base.augmentation crop flip`.

    A member's own fields are then options like all others: `--base.optimizer.b1 0.8`.

    Returns:
        The config with the members chosen, their fields at their defaults, and the arguments that are left.

    Raises:
        InvalidInput: there is no such member.
    """
    families = families_in(config)
    left, given = [], list(arguments)
    while given:
        option, equals, value = given.pop(0).partition("=")
        path = _path(option)
        if path not in families:
            left.append(option + equals + value)
            continue
        several = families[path][1]
        values = [value] if equals else []
        while given and not given[0].startswith("--") and (several or not values):
            values.append(given.pop(0))
        config = _chosen(config, path, [] if several and values == ["none"] else values)
    _require_chosen(config, left)
    return config, left


def _require_chosen(config: object, arguments: Sequence[str]) -> None:
    """Refuse an option that is a field of a member that is not chosen: Tyro would only not know it."""
    for place, word in enumerate(arguments):
        option, _, value = word.partition("=")
        path = _path(option)
        for of, (family, several) in families_in(config).items():
            if several or not path.startswith(f"{of}."):
                continue
            chosen, name = value_at(config, of), path.removeprefix(f"{of}.").partition(".")[0]
            known = [item.name for item in fields(chosen)]
            others = [one for one in family.files() if name in _fields_of(family, one)]
            allowed = f"{chosen.member_name()} has no {name}, but {', '.join(known) or 'no field at all'}"
            if others:
                allowed += f"; --{of.replace('_', '-')} chooses one that has it: {', '.join(others)}"
            is_known = name in known or name.removeprefix("no_") in known  # --no-FIELD is Tyro's for False
            require(is_known, path, value or " ".join(arguments[place + 1 : place + 2]), allowed)


def _fields_of(family: type[Family], name: str) -> set[str]:
    """Of a member; none where it cannot be used, which is no matter where it is not chosen."""
    try:
        return {item.name for item in fields(family.member(name))}
    except InvalidInput:
        return set()


def _chosen(config: T, path: str, names: Sequence[str]) -> T:
    """The config with the members of these names at the path of a family."""
    family, several = families_in(config)[path]
    known = family.files()
    allowed = f"must be {'any of' if several else 'one of'} {', '.join(known)}"
    require(several or len(names) == 1, path, "", allowed)
    for name in names:
        require(name in known, path, name, allowed)
    made = [_kept_or_made(family.member(name), value_at(config, path)) for name in names]
    return with_value(config, path, tuple(made) if several else made[0])


def _kept_or_made(member: type, now: object) -> object:
    """The member as the default has it, where it does; else with its own defaults."""
    return next((one for one in _as_tuple(now) if isinstance(one, member)), None) or member()


def with_text(config: T, path: str, text: str) -> T:
    """The config with another value of any field, as a word of a command line says it.

    | path | text |
    | --- | --- |
    | of a family: `optimizer`, `augmentation` | a member's name; several by commas, or `none` |
    | of a field: `batch_size`, `optimizer.momentum` | its value; several by commas, or `none` |
    | of a member's field: `optimizer.adam.b1` | its value; the member is chosen, where it is not yet |

    A member that the config has is kept as it is; another has its defaults.

    Raises:
        InvalidInput: there is no such field, or it does not take this value.
    """
    families = families_in(config)
    names = ", ".join(item.name for item in fields(cast("Any", config)))
    require(all(path.split(".")), "field", path, f"must be one of {names}; its parts are joined by dots")
    if path in families:
        several = families[path][1]
        names = [] if several and text == "none" else text.split(",") if several else [text]
        return _chosen(config, path, names)
    of, name, field = _parts(config, path)
    if not field:
        return with_value(config, path, _typed(config, path, text))
    known, several = families[of][0].files(), families[of][1]
    require(name in known, "field", path, f"its second part must be one of {', '.join(known)}")
    now = [one.member_name() for one in value_at(config, of)] if several else []
    config = _chosen(config, of, now if name in now else [*now, name])
    changed = tuple(
        with_value(one, field, _typed(one, field, text, f"{of}.{name}")) if one.member_name() == name else one
        for one in _as_tuple(value_at(config, of))
    )
    return with_value(config, of, changed if several else changed[0])


def text_of(config: object, path: str) -> str:
    """What `with_text` is given for the value that the config has at the path."""
    of, name, field = _parts(config, path)
    if not field:
        return spelled(value_at(config, path))
    found = [value_at(one, field) for one in _as_tuple(value_at(config, of)) if one.member_name() == name]
    return spelled(found)


def _parts(config: object, path: str) -> tuple[str, str, str]:
    """The parts of FAMILY.MEMBER.FIELD; the last is empty where the path is no such one."""
    of, _, rest = path.partition(".")
    name, _, field = rest.partition(".")
    return of, name, field if of in families_in(config) else ""


def _as_tuple(members: Any) -> tuple[Any, ...]:
    return members if isinstance(members, tuple) else (members,)


def spelled(value: object) -> str:
    """A value, or a family's member, as a word of a command line; 1.0 as 1, an empty sequence as none."""
    if isinstance(value, Family):
        return value.member_name()
    if isinstance(value, list | tuple):
        return ",".join(map(spelled, value)) or "none"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "none" if value is None else str(value)


def _typed(config: Any, path: str, text: str, within: str = "") -> Any:
    """A value of the type that the field at the path has.

    Args:
        within: the path of the config, for messages.
    """
    name, _, rest = path.partition(".")
    known = [item.name for item in fields(config)] if is_dataclass(config) else []
    allowed = f"{name} must be one of {', '.join(known)}" if known else f"{within} has no fields of its own"
    allowed += "; a field of another member is FAMILY.MEMBER.FIELD" if within else ""
    require(name in known, "field", f"{within}.{path}".removeprefix("."), allowed)
    if rest:
        return _typed(getattr(config, name), rest, text, f"{within}.{name}".removeprefix("."))
    hint: Any = get_type_hints(type(config))[name]
    if text == "none" and type(None) in get_args(hint):
        return None
    several = get_origin(hint) is tuple
    words = ([] if text == "none" else text.split(",")) if several else [text]
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # Tyro's message is about no option of ours
            return tyro.cli(hint, args=words)
    except (SystemExit, TypeError, ValueError):
        where = f"{within}.{name}".removeprefix(".")
        raise InvalidInput(where, text, f"must be {_in_words(hint)}") from None


def _in_words(hint: Any, by: str = "commas") -> str:
    """What a field takes: "a whole number", "one of batch, group".

    Args:
        by: what is between several values.
    """
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    if get_origin(hint) is tuple:
        return f"{_in_words(get_args(hint)[0])}, several by {by}"
    if any(is_dataclass(one) for one in (hint, *get_args(hint))):
        return "given field by field"
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_in_words(one, by) for one in get_args(hint))
    names = {
        int: "a whole number",
        float: "a number",
        bool: "True or False",
        type(None): "none" if by == "commas" else "None",
    }
    return names.get(hint, "text")


def families_in_words(config: object) -> str:
    """For the help: what can be chosen, which no option shows."""
    lines = ["", "", "Families, the fields of whose members are options once they are chosen:", ""]
    for path, (family, several) in families_in(config).items():
        names = " ".join(family.files()) + (" (any, in sequence, or none)" if several else "")
        lines.append(f"    --{path.replace('_', '-')}  {names}")
    return "\n".join(lines)


def exit_with(main: Callable[[], None], when_interrupted: str = "interrupted") -> None:
    """Run `main`; a user's mistake becomes one line and status 2, Ctrl-C status 130, never a traceback.

    So does a file or a folder that the user has no leave to read or to write.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a letter that the terminal lacks is no reason to stop
            stream.reconfigure(errors="backslashreplace")
    try:
        main()
        sys.stdout.flush()  # here, where a reader that is gone is no error yet
    except InvalidInput as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # whoever read the output, `head` say, has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)  # 128 + SIGPIPE
    except OSError as error:
        if error.errno == errno.ENOSPC:
            print(f"error: {error.filename or 'the output'}: {error.strerror}", file=sys.stderr)
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left has no room either
            sys.exit(2)
        if error.filename is None or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(when_interrupted, file=sys.stderr)
        sys.exit(130)  # 128 + SIGINT, what a shell expects of a command stopped by Ctrl-C
