"""Command lines, for experiments and analysis alike: a user's mistake is one line and exit status 2.

Parsing is Tyro's; this module only says how its errors and the project's own are shown.
"""

import contextlib
import errno
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import tyro

from research.errors import InvalidInput

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


def exit_with(main: Callable[[], None], when_interrupted: str = "interrupted") -> None:
    """Run `main`; a user's mistake becomes one line and status 2, Ctrl-C status 130, never a traceback.

    So does a file or a folder that the user has no leave to read or to write.
    """
    try:
        main()
    except InvalidInput as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # whoever read the output, `head` say, has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)  # 128 + SIGPIPE
    except OSError as error:
        if error.filename is None or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(when_interrupted, file=sys.stderr)
        sys.exit(130)  # 128 + SIGINT, what a shell expects of a command stopped by Ctrl-C
