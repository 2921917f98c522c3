"""The loss that records are of: its name, its unit, and what a guess comes to in it.

What an experiment states of itself has all three, so that none of this needs the loss's own code.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis._tables import levels
from commandline import spelled
from research.errors import InvalidInput

PLAIN = {"kind": "cross_entropy", "smoothing": 0}
"""What every record is of that does not say."""


def loss_name(about: Mapping[str, Any]) -> str:
    """The loss of an experiment's base run, with its numbers: "squared_error (weight 1, target 1)"."""
    loss = _loss(about)
    numbers = [f"{name} {spelled(value)}" for name, value in loss.items() if name != "kind" and loss != PLAIN]
    return str(loss["kind"]) + (f" ({', '.join(numbers)})" if numbers else "")


def told(about: Mapping[str, Any]) -> list[str]:
    """The loss, for captions and titles; nothing where it is cross-entropy as the article's, not smoothed."""
    return [] if _loss(about) == PLAIN else [loss_name(about)]


def unit(about: Mapping[str, Any], table: pd.DataFrame | None = None) -> str:
    """What the records' losses are counted in.

    Args:
        table: the records, of which some may have another loss than the base.
    """
    base = _loss(about)["kind"]
    kinds = {base}
    if table is not None:
        kinds |= {*levels(table, "loss.kind"), *levels(table, "run.loss.kind")}
    if len(kinds) > 1:
        return "each in its loss's unit"
    return "nats" if base == PLAIN["kind"] else about.get("loss", {}).get("unit", f"unit of {base}")


def in_unit(text: str, unit: str) -> str:
    """A label or a sentence that was written of nats, in this unit."""
    return text if unit == "nats" else re.sub(r"\bnats\b", unit, text)


def guess(about: Mapping[str, Any]) -> float | None:
    """The loss of a guess among the data's classes; None where the records do not tell.

    Raises:
        InvalidInput: they are of a loss that has to say it itself, and older than that.
    """
    base = _loss(about)["kind"]
    if "loss" in about:
        return about["loss"]["guess"]
    if base != PLAIN["kind"]:
        raise InvalidInput("loss", base, "these records do not say what a guess is; run the command again")
    return math.log(about["classes"]) if about.get("classes") else None


def _loss(about: Mapping[str, Any]) -> Mapping[str, Any]:
    return about.get("config", {}).get("base", {}).get("loss", PLAIN)
