"""Seeds: those on which presets and rules are chosen, and those on which what was chosen is put to the test.

What was tuned until it looked well on some seeds looks well on them. A verdict that holds is one on seeds
that nobody had looked at when presets, rules and the number of seeds were fixed.
"""

from collections.abc import Iterable
from typing import Literal

from research.errors import require

Phase = Literal["exploration", "confirmation"]

CONFIRMATION_FROM = 100
"""Seeds below it explore, those from it on confirm."""


def phases(seeds: Iterable[float]) -> set[Phase]:
    """What runs with these seeds are for; no more than one in records that go together."""
    return {"confirmation" if seed >= CONFIRMATION_FROM else "exploration" for seed in seeds}


def phase(seeds: range) -> Phase:
    """What an experiment's runs are for.

    Raises:
        InvalidInput: some of the seeds explore and others confirm.
    """
    (first, *others) = phases((seeds[0], seeds[-1]))
    require(
        not others,
        "seeds",
        len(seeds),
        f"from seed {seeds[0]} on they would explore and, from {CONFIRMATION_FROM} on, confirm; "
        f"give --seeds-from {CONFIRMATION_FROM}",
    )
    return first
