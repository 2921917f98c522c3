"""Claims asked of records: intervals in, verdicts out."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from analysis._loss import in_unit
from analysis.claims._claim import Claim, Evidence, Part
from analysis.claims._interval import Interval, interval
from analysis.claims._power import HAIR, seeds_for
from research.errors import InvalidInput

Word = Literal["supported", "contradicted", "inconclusive", "stated", "cannot be asked", "not run"]
MOST_SEEDS = 64  # beyond this, more seeds are no way to settle a claim


@dataclass(frozen=True)
class Finding:
    """What one part of a claim came to.

    Attributes:
        part: the part.
        word: its verdict; "stated" of a part without a rule, "cannot be asked" where no seed has an effect.
        interval: of the effect.
        seeds_needed: how many seeds in all would be expected to settle it; None where it is settled, or
            where seeds would not.
    """

    part: Part
    word: Word
    interval: Interval
    seeds_needed: int | None


@dataclass(frozen=True)
class Verdict:
    """What a claim came to.

    Attributes:
        claim: the claim.
        word: the verdict.
        findings: of each of its parts; empty where it was not run.
        why: in a sentence, where the findings do not say it themselves.
        seeds_needed: how many seeds in all would be expected to settle it; None where that is not the way.
    """

    claim: Claim
    word: Word
    findings: tuple[Finding, ...] = ()
    why: str = ""
    seeds_needed: int | None = None


def ask(claim: Claim, evidence: Evidence) -> Verdict:
    """The claim's verdict on these records, kept with them: tables, pages and figures want the same ones."""
    if claim not in evidence.asked:
        evidence.asked[claim] = _asked(claim, evidence)
    return evidence.asked[claim]


def _asked(claim: Claim, evidence: Evidence) -> Verdict:
    lacking = [name for name in claim.needs if name not in evidence.tables]
    if lacking:
        return Verdict(claim, "not run", why=f"needs the records of {' and '.join(lacking)}")
    empty = [name for name in claim.needs if evidence.tables[name].empty]
    if empty:
        return Verdict(
            claim, "cannot be asked", why=f"there is nothing in the records of {' and '.join(empty)}"
        )
    mixed = evidence.mixed(claim.needs)
    if mixed:
        return Verdict(claim, "cannot be asked", why=mixed)
    try:
        # Infinity less infinity, of two sweeps that never turn unstable, say, is no effect and no warning.
        with np.errstate(invalid="ignore", divide="ignore"):
            findings = tuple(
                judge(
                    replace(part, what=in_unit(part.what, evidence.unit)),
                    interval(part.effect(evidence), part.resolution(evidence), part.rounds),
                )
                for part in claim.parts
            )
    except InvalidInput as error:  # records too old to say what the claim needs; the others go on
        return Verdict(claim, "cannot be asked", why=str(error))
    except Exception as error:  # a claim under way must not take the others down with it
        why = f"its effect cannot be had: {type(error).__name__}: {error}"
        return Verdict(claim, "cannot be asked", why=why)
    ruled = [finding for finding in findings if not finding.part.states] or findings
    word = _together(finding.word for finding in ruled)
    if word == "cannot be asked":
        return Verdict(claim, word, findings, _why_not(ruled))
    if word != "inconclusive":
        return Verdict(claim, word, findings)
    open_ones = [finding for finding in ruled if finding.word == "inconclusive"]
    needed = [finding.seeds_needed for finding in open_ones]
    settle = None if None in needed else max(number for number in needed if number is not None)
    return Verdict(claim, word, findings, _why(open_ones, settle), settle)


def judge(part: Part, effect: Interval) -> Finding:
    """Where the interval lies: inside the part's region, out of it, or neither.

    Its ends must clear the region's by `HAIR`: a verdict that a little rounding would turn is none.
    """
    if effect.undefined == effect.seeds:
        return Finding(part, "cannot be asked", effect, None)
    spare = HAIR * effect.half_width
    low, high = effect.low - spare, effect.high + spare
    word: Word = "inconclusive"
    if part.states:
        word = "inconclusive" if math.isnan(effect.low) else "stated"
    elif part.low < low and high < part.high:
        word = "supported"
    elif high < part.low or low > part.high:
        word = "contradicted"
    return Finding(part, word, effect, seeds_to_settle(part, effect) if word == "inconclusive" else None)


def seeds_to_settle(part: Part, effect: Interval) -> int | None:
    """With how many seeds in all the interval would be expected to clear the region's ends.

    Takes the mean and the scatter seen so far for the truth; from two seeds that is a rough guide. None
    where the effect is undefined or where it would take more than `MOST_SEEDS`. One seed says nothing about
    scatter: three, then.
    """
    if math.isnan(effect.mean):
        return None
    if effect.seeds < 2:
        return 3
    return seeds_for(part, effect, effect.seeds + 1, MOST_SEEDS)


def _together(words: Iterable[Word]) -> Word:
    words = set(words)
    for word in ("contradicted", "cannot be asked", "inconclusive", "supported"):
        if word in words:
            return word
    return "stated"


def _why_not(findings: Iterable[Finding]) -> str:
    """Which effects no seed has; the first of them stands for the others."""
    of = next(finding for finding in findings if finding.word == "cannot be asked")
    if of.interval.seeds == 0:
        return "no seed has the runs that it asks for"
    return (
        f"undefined in every seed: {of.part.what}; runs diverged or are missing, or the sweep is too narrow "
        "to show it"
    )


def _why(findings: Iterable[Finding], seeds_needed: int | None) -> str:
    findings = list(findings)
    if any(np.isnan(finding.interval.mean) for finding in findings):
        return (
            "the effect is undefined in at least one seed: a run diverged, the sweep is too narrow, or there "
            "is nothing to measure"
        )
    if any(finding.interval.seeds == 1 for finding in findings):
        return "one seed has no interval"
    if any(_by_a_hair(finding) for finding in findings):
        return "by a hair: an interval's end lies within a tenth of its half-width of the rule's end"
    if seeds_needed is None:
        return f"an interval reaches over the rule's boundary, and {MOST_SEEDS} seeds would not settle it"
    return "an interval reaches over the rule's boundary"


def _by_a_hair(finding: Finding) -> bool:
    """Whether the interval lies inside the rule, or outside, but not clear of its ends."""
    part, effect = finding.part, finding.interval
    inside = part.low < effect.low and effect.high < part.high
    return not part.states and (inside or effect.high < part.low or effect.low > part.high)
