"""What a claim is: a sentence, the records it needs, and rules fixed before they were looked at."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from analysis._loss import guess, loss_name, unit
from analysis._tables import seeds_of
from research.errors import InvalidInput, require
from research.seeds import phases


@dataclass(frozen=True, eq=False)  # equal to itself alone, so that what was read off it can be kept
class Evidence:
    """The records of one label: all of the same data and preset.

    Attributes:
        tables: the tidy table of each experiment, by its name.
        abouts: what each of them is: data, preset, config, command, provenance.
    """

    tables: Mapping[str, pd.DataFrame]
    abouts: Mapping[str, Mapping[str, Any]]

    def mixed(self, needs: Iterable[str]) -> str:
        """Which records do not go together, in a line; empty where all do.

        Those of a label are all of one data set and loss, and on seeds that either explore or confirm; those
        of one claim, of one preset, too, and on images that seeds share or that each draws.
        """
        needs = tuple(needs)
        of_all = dict.fromkeys(("data", "fingerprint", "loss", "phase"), self.abouts)
        for fact, names in (of_all | dict.fromkeys(("preset", "images"), needs)).items():
            found: dict[str, str] = {}
            for name in names:
                for value in self._facts(name, fact):
                    found.setdefault(value, name)
            if len(found) > 1:
                (one, first), (other, second), *_ = found.items()
                if fact == "fingerprint":
                    one, other = one[:12], other[:12]
                return f"the records are of different {fact}: {first} of {one}, {second} of {other}"
        return ""

    def _facts(self, experiment: str, fact: str) -> set[str]:
        """What an experiment's description says of its data or preset, or else its records do."""
        about = self.abouts[experiment]
        if fact == "phase":
            return self._phases[experiment]
        if fact == "loss":
            return {loss_name(about)}
        if fact == "images":  # nothing was said of them while seeds could but share them
            return {about.get("images", "shared")}
        if fact != "fingerprint":
            return {about[fact]}
        stated = about.get("fingerprint") or about["config"]["base"]["data"].get("fingerprint")
        if stated:
            return {stated}
        table = self.tables[experiment]  # a config that accepts any does not say which it was
        columns = [name for name in ("data.fingerprint", "run.data.fingerprint") if name in table]
        return {value for name in columns for value in table[name].dropna().unique() if value}

    @cached_property
    def _phases(self) -> dict[str, set[str]]:
        """By experiment, what its records' seeds are for."""
        return {name: {*phases(seeds_of(table))} for name, table in self.tables.items()}

    @property
    def phase(self) -> str:
        """What the seeds of all these records are for: exploration or confirmation; both, where mixed."""
        return " and ".join(sorted(set().union(*self._phases.values()))) or "exploration"

    @cached_property
    def asked(self) -> dict["Claim", Any]:
        """The verdicts that these records came to so far (`analysis.claims.ask`)."""
        return {}

    @cached_property
    def seeds(self) -> list[int]:
        """Of all the runs that there are records of, ascending."""
        return sorted(set().union(*(seeds_of(table) for table in self.tables.values())))

    @cached_property
    def chance(self) -> float:
        """The loss of a guess, in the unit of the records' loss; of cross-entropy, ln(classes).

        Raises:
            InvalidInput: the records do not say it, or do not say how many classes the data has.
        """
        about = next(iter(self.abouts.values()))
        data = about["config"]["base"]["data"]
        # Before it was recorded for every data set, only the synthetic one's config had it.
        known = {"classes": data["synthetic"]["classes"]} if data["name"] == "synthetic" else {}
        chance = guess(known | dict(about))
        if chance is None and "loss" in about:
            raise InvalidInput("loss", loss_name(about), "what a guess comes to in it is not known")
        if chance is None:
            raise InvalidInput("classes", None, "is not in these records; run the experiment's command again")
        return chance

    @cached_property
    def unit(self) -> str:
        """Of the records' loss."""
        return unit(next(iter(self.abouts.values()))) if self.abouts else "nats"


Effect = Callable[[Evidence], pd.Series]
"""From records to one number per seed; NaN or infinite where a seed's is undefined."""


@dataclass(frozen=True)
class Part:
    """One effect and the region that the claim says it lies in.

    The rule is the same for all. The part is supported where the effect's 95% interval over seeds lies inside
    the region, contradicted where it lies outside on one side, and inconclusive otherwise, or by a hair. A
    part without a region only states its effect: where the truth lies on any end that a rule could have, no
    number of seeds would settle it.

    Attributes:
        what: names the effect, with its unit.
        effect: computes it.
        low: lower end of the region.
        high: its upper end.
        reason: why the region's ends are where they are, or why it has none.
        resolution: half-width of the 95% interval of an error that the effect has in all seeds alike.
        rounds: whether that is of a grid, to which each seed's effect is rounded as well: a scatter smaller
            than that rounding's is not believed.
    """

    what: str
    effect: Effect
    low: float = -math.inf
    high: float = math.inf
    reason: str = ""
    resolution: Callable[[Evidence], float] = lambda evidence: 0.0
    rounds: bool = False

    def __post_init__(self):
        require(self.low < self.high, "low", self.low, f"must be below high, {self.high}")

    @property
    def states(self) -> bool:
        """Whether it only states its effect, with no region to lie in."""
        return self.low == -math.inf and self.high == math.inf

    @property
    def region(self) -> str:
        """In words: "above 0", "between -1 and 1"; "none" where it only states its effect."""
        if self.states:
            return "none"
        if self.low == -math.inf:
            return f"below {self.high:.3g}"
        if self.high == math.inf:
            return f"above {self.low:.3g}"
        return f"between {self.low:.3g} and {self.high:.3g}"


@dataclass(frozen=True)
class Claim:
    """A statement about the world, to be asked of records.

    Supported where every part is; contradicted where any part is. A part is wrongly supported in 2.5% of
    cases at most, so the claim is no more often; wrongly contradicted, as many times 2.5% as it has parts.
    Parts that only state an effect have no say, but where there are no others.

    Attributes:
        id: short, unique; "C2".
        sentence: the claim.
        source: where it was made.
        needs: names of the experiments whose records it reads.
        parts: effects and where they should lie.
        presets: of which it is asked; empty: of all. The article's numbers are of presets with its sizes.
        data: a regular expression for the titles of the data that it is asked of; empty: of all.
        note: what a reader of the verdict should know.
    """

    id: str
    sentence: str
    source: str
    needs: tuple[str, ...]
    parts: tuple[Part, ...]
    presets: tuple[str, ...] = ()
    data: str = ""
    note: str = ""

    def asked_of(self, preset: str, data: str) -> bool:
        """Whether it is asked of records of this preset and data."""
        return (not self.presets or preset in self.presets) and bool(re.search(self.data, data, re.I))


ARTICLE = "How to train your ResNet, part 2: mini-batches (Myrtle.ai, 2018)"

CIFAR10 = r"cifar.?10\b"
"""Titles of the data that the article's own numbers are about."""

ABOUT = math.log(1.25)
"""Two losses are "about the same" where neither is more than a quarter above the other."""
