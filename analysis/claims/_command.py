"""The command that would run what a claim lacks: an experiment that has no records, or more seeds of one."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

SHARED = ("--preset", "--data", "--results", "--label", "--base.")  # what every experiment has begins so


def command_for(experiment: str, about: Mapping[str, Any], seeds: int | None = None) -> str:
    """The command line that runs `experiment` as the one that `about` describes was run.

    Args:
        about: of that experiment, or of another of the same label.
        seeds: how many in all; None: as many as the preset has.
    """
    words = shlex.split(about["command"])
    program, options = words[2], _options(words[3:])
    if program == "experiments.all":
        options["--only"] = [experiment]
    elif program != f"experiments.{experiment}":
        program = f"experiments.{experiment}"
        options = {name: values for name, values in options.items() if name.startswith(SHARED)}
    if seeds is not None:
        options["--seeds"] = [str(seeds)]
    flat = [word for name, values in options.items() for word in (name, *values)]
    return shlex.join(["python", "-m", program, *flat])


def results_of(about: Mapping[str, Any]) -> str:
    """The folder in which the experiment that `about` describes kept its records."""
    return _options(shlex.split(about["command"])[3:]).get("--results", ["results"])[0]


def _options(words: Sequence[str]) -> dict[str, list[str]]:
    """Each option with the values that follow it."""
    options: dict[str, list[str]] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            options[name] = [value] if equals else []
        else:
            options[name].append(word)
    return options
