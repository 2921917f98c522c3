"""Command lines, for experiments and analysis alike: a user's mistake is one line and exit status 2.

Parsing is Tyro's; this module only says how its errors and the project's own are shown.
"""

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import tyro

from research.errors import InvalidInput, require
from research.family import families_in, value_at, with_value

T = TypeVar("T")


class CommandLineError(InvalidInput):
    """An option that does not exist or does not take this value."""

    def __init__(self, text: str):
        ValueError.__init__(self, text)


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
                args=None if arguments is None else list(arguments),
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
        # The box's title often says what its text begins with.
        raise CommandLineError(re.sub(r"^(\w+ \w+) (?=\1)", "", text, flags=re.IGNORECASE)) from None


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
        path = option.removeprefix("--").replace("-", "_") if option.startswith("--") else ""
        if path not in families:
            left.append(option + equals + value)
            continue
        family, several = families[path]
        values = [value] if equals else []
        while given and not given[0].startswith("--") and (several or not values):
            values.append(given.pop(0))
        members = family.members()
        if several and values == ["none"]:
            values = []
        allowed = f"must be {'any of' if several else 'one of'} {', '.join(members)}"
        require(several or len(values) == 1, path, "", allowed)
        for name in values:
            require(name in members, path, name, allowed)
        made = [_kept_or_made(members[name], value_at(config, path), name) for name in values]
        config = with_value(config, path, tuple(made) if several else made[0])
    return config, left


def _kept_or_made(member: type, now: object, name: str) -> object:
    """The member as the default has it, where it does; else with its own defaults."""
    for one in now if isinstance(now, tuple) else (now,):
        if isinstance(one, member):
            return one
    try:
        return member()
    except TypeError as error:
        raise InvalidInput("member", name, f"every field of it needs a default ({error})") from error


def families_in_words(config: object) -> str:
    """For the help: what can be chosen, which no option shows."""
    lines = ["", "", "Families, the fields of whose members are options once they are chosen:", ""]
    for path, (family, several) in families_in(config).items():
        names = " ".join(family.members()) + (" (any, in sequence, or none)" if several else "")
        lines.append(f"    --{path.replace('_', '-')}  {names}")
    return "\n".join(lines)


def exit_with(main: Callable[[], None], when_interrupted: str = "interrupted") -> None:
    """Run `main`; a user's mistake becomes one line and status 2, Ctrl-C status 130, never a traceback."""
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
    except KeyboardInterrupt:
        print(when_interrupted, file=sys.stderr)
        sys.exit(130)  # 128 + SIGINT, what a shell expects of a command stopped by Ctrl-C
