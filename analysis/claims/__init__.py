"""The claims: what the article says, and what you say, each asked of records.

    python -m analysis.claims

Every module here whose name does not begin with an underscore and that has `CLAIMS` adds its claims: adding a
file adds a claim. A claim says what is measured, and in which region it must lie, before anyone looks;
`analysis.claims._claim` has the rule that all of them share, `docs/claims.md` the reasons for it.
"""

import importlib
import pkgutil
import re

from analysis.claims._claim import Claim, Evidence, Part
from analysis.claims._verdict import Verdict, ask

__all__ = ["Claim", "Evidence", "Part", "Verdict", "ask", "discover", "in_order", "topics"]


def discover() -> list[Claim]:
    """Every claim, by id."""
    found = []
    for info in pkgutil.iter_modules(__path__):
        if not info.name.startswith("_"):
            found += getattr(importlib.import_module(f"analysis.claims.{info.name}"), "CLAIMS", ())
    return sorted(found, key=lambda claim: in_order(claim.id))


def topics() -> dict[str, str]:
    """By a claim's id, the topic of the module that it is filed in: what its docstring begins with."""
    found = {}
    for info in pkgutil.iter_modules(__path__):
        if not info.name.startswith("_"):
            module = importlib.import_module(f"analysis.claims.{info.name}")
            # "B5, E1 and E2: sharp minima." The ids stand beside the claims already.
            title = (module.__doc__ or info.name).strip().splitlines()[0].rpartition(": ")[2].rstrip(".")
            found |= {claim.id: title[:1].upper() + title[1:] for claim in getattr(module, "CLAIMS", ())}
    return found


def in_order(name: str) -> list[str | int]:
    """What ids are sorted by: letters and numbers by turns, so that B2 comes before B10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
