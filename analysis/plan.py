"""The plan of a confirmation: how many seeds each experiment gets, fixed by what exploration showed.

    python -m analysis.plan                              writes results/plan.md from results/figures/
    python -m analysis.plan --out docs/plan.md           publishes it
    python -m analysis.plan --label quick desk           of some labels
    python -m analysis.plan --most 16                    with fewer seeds at most
    python -m analysis.plan --seeds-from 200             of another confirmation, where one has been run

For each part of each claim, the mean and the scatter over exploration's seeds are taken for the truth; a
claim wants as many seeds as settle it in 80% of cases (`analysis.claims._power`), an experiment as many as
the claim that wants most of it. Commit the plan before the first confirmatory run.
"""

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis._answer import environment
from analysis._writing import write_text
from analysis.claims import Verdict
from analysis.claims._interval import half_width
from analysis.claims._power import power, seeds_for
from analysis.claims._published import ClaimResults, answers
from analysis.claims._verdict import Finding
from commandline import exit_with, parse
from research.errors import require, require_folder
from research.seeds import CONFIRMATION_FROM


@dataclass(frozen=True)
class PlanOptions:
    """What is planned, and within which bounds.

    Attributes:
        label: of exploration; none: all that explore.
        results: folder of the records.
        figures: folder that `python -m analysis.all` collected the records in. Default: figures/ in the
            results folder.
        out: the plan; None: plan.md in the results folder.
        least: seeds that every experiment gets.
        most: seeds that none gets more of.
        seeds_from: the first of the confirmation's seeds, none of which a record was made with before.
    """

    label: tuple[str, ...] = ()
    results: Path = Path("results")
    figures: Path | None = None
    out: Path | None = None
    least: int = 8
    most: int = 32
    seeds_from: int = CONFIRMATION_FROM

    def __post_init__(self):
        require(
            self.seeds_from >= CONFIRMATION_FROM,
            "seeds_from",
            self.seeds_from,
            f"must be at least {CONFIRMATION_FROM}: seeds below it explore",
        )
        require(self.least >= 2, "least", self.least, "must be at least 2: one seed has no interval")
        require(self.most >= self.least, "most", self.most, f"must be at least least, {self.least}")

    @property
    def source(self) -> Path:
        """The folder of the collected records."""
        return self.figures or self.results / "figures"


@dataclass(frozen=True)
class PlannedPart:
    """What is expected of one part of a claim.

    Attributes:
        finding: what exploration came to.
        wanted: seeds that settle it in 80% of cases; None: no number of them up to the most.
        half_width: expected of its interval; NaN where exploration has no scatter.
        power: how often the planned seeds settle it, if it is as it seems; NaN where nothing is to settle.
    """

    finding: Finding
    wanted: int | None
    half_width: float
    power: float


@dataclass(frozen=True)
class PlannedClaim:
    """A claim in the plan.

    Attributes:
        verdict: exploration's.
        parts: of the claim.
        wanted: seeds that the claim wants.
        seeds: that it gets: of the experiments that it needs, the fewest.
    """

    verdict: Verdict
    parts: Sequence[PlannedPart]
    wanted: int
    seeds: int


@dataclass(frozen=True)
class PlannedExperiment:
    """An experiment in the plan.

    Attributes:
        name: the experiment's.
        seeds: how many.
        because: ids of the claims that want as many; empty: none wants more than the least.
        hours: of its runs, added up, at the speed of exploration's; NaN where the records do not tell.
        command: that runs it.
    """

    name: str
    seeds: int
    because: Sequence[str]
    hours: float
    command: str


@dataclass(frozen=True)
class LabelPlan:
    """The plan of one label.

    Attributes:
        explored: exploration's results.
        claims: all that exploration could be asked of.
        experiments: all that exploration ran.
    """

    explored: ClaimResults
    claims: Sequence[PlannedClaim]
    experiments: Sequence[PlannedExperiment]


def plan(one: ClaimResults, least: int, most: int, first: int = CONFIRMATION_FROM) -> LabelPlan:
    """How many seeds each experiment of a label gets, from the `first` on.

    Raises:
        InvalidInput: its seeds are not exploration's.
    """
    phase = one.evidence.phase
    require(
        phase == "exploration", "label", one.label, f"is of {phase}; a plan is made on exploration's seeds"
    )
    asked = [verdict for verdict in one.verdicts if verdict.findings]
    wanted = {verdict.claim.id: seeds_wanted(verdict, least, most) for verdict in asked}
    seeds = {
        name: max([least, *(wanted[verdict.claim.id] for verdict in asked if name in verdict.claim.needs)])
        for name in one.evidence.abouts
    }
    claims = []
    for verdict in asked:
        planned = min(seeds[name] for name in verdict.claim.needs)
        parts = [_part(finding, planned, least, most) for finding in verdict.findings]
        claims.append(PlannedClaim(verdict, parts, wanted[verdict.claim.id], planned))
    experiments = []
    for name, about in one.evidence.abouts.items():
        because = [
            claim.verdict.claim.id
            for claim in claims
            if name in claim.verdict.claim.needs and claim.wanted == seeds[name] > least
        ]
        spent = about.get("records", {}).get("seconds", math.nan) / about["config"]["seeds"]
        command = confirming(name, about, seeds[name], one.label, first)
        experiments.append(PlannedExperiment(name, seeds[name], because, spent * seeds[name] / 3600, command))
    return LabelPlan(one, claims, experiments)


def seeds_wanted(verdict: Verdict, least: int, most: int) -> int:
    """How many seeds a claim wants, within bounds.

    One part outside its region contradicts a claim, so that the one which shows that soonest decides; else
    all parts are to be settled. Where no number of seeds settles it, the most; where an effect is undefined
    in some seed or only stated, no number of seeds matters, and it is the least.
    """
    parts = [finding for finding in verdict.findings if not finding.part.states]
    if any(math.isnan(finding.interval.deviation) for finding in parts):
        return least
    outside = [one for one in parts if not one.part.low < one.interval.mean < one.part.high]
    wanted = [
        seeds_for(finding.part, finding.interval, least, most) or most for finding in (outside or parts)
    ]
    return min(wanted) if outside else max([least, *wanted])


def _part(finding: Finding, planned: int, least: int, most: int) -> PlannedPart:
    part, effect = finding.part, finding.interval
    return PlannedPart(
        finding,
        seeds_for(part, effect, least, most),
        half_width(planned, effect.deviation, effect.resolution),
        power(part, effect, planned),
    )


def confirming(
    name: str, about: Mapping[str, Any], seeds: int, label: str, first: int = CONFIRMATION_FROM
) -> str:
    """The command that runs an experiment as exploration did, on a confirmation's seeds.

    Args:
        about: what is stated of exploration's records; what its command changed in the preset is kept.
        label: exploration's.
        first: of the confirmation's seeds.
    """
    words = ["python", "-m", f"experiments.{name}", "--preset", about["preset"]]
    if label != about["preset"]:
        words += ["--data", about["config"]["base"]["data"]["name"]]
    keep, kept = False, []
    for word in shlex.split(about["command"])[3:]:
        if word.startswith("--"):
            field = word[2:].partition("=")[0].partition(".")[0].replace("-", "_")
            keep = field in about["config"] and field != "seeds"
        kept += [word] if keep else []
    own = ["--seeds-from", str(first), "--seeds", str(seeds), "--label", f"{label}-confirm"]
    return shlex.join([*words, *kept, *own])


def text(plans: Sequence[LabelPlan], least: int, most: int, first: int = CONFIRMATION_FROM) -> str:
    """The plan, in Markdown."""
    page = environment().get_template("plan.md.jinja")
    return page.render(plans=plans, least=least, most=most, first=first, isnan=math.isnan)


def main() -> None:
    """Write the plan."""
    options = parse(PlanOptions, "analysis.plan", __doc__)
    found = {one.label: one for one in answers(options.source)}
    for label in options.label:
        require(label in found, "label", label, f"must be among {', '.join(found)}")
    exploring = [name for name, one in found.items() if one.evidence.phase == "exploration"]
    require(bool(options.label or exploring), "figures", str(options.source), "has no records of exploration")
    bounds = options.least, options.most
    plans = [plan(found[name], *bounds, options.seeds_from) for name in options.label or exploring]
    if options.out is None:
        require_folder("results", options.results)
    out = options.out or options.results / "plan.md"
    write_text("out", out, text(plans, *bounds, options.seeds_from))
    print(out)


if __name__ == "__main__":
    exit_with(main)
