"""All claims asked of all collected records, and what there is to do about the open ones."""

import json
import math
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis._drawing import load
from analysis._loss import told
from analysis.claims import discover
from analysis.claims._claim import Claim, Evidence
from analysis.claims._verdict import Finding, Verdict, ask
from research.errors import InvalidInput, require

PUBLISHED = Path("paper_figures")
"""Where the published records are: what a user's own are compared with."""

OWN = Path("results/figures")
"""Where `python -m analysis.all` puts a user's own by default."""


@dataclass(frozen=True)
class ClaimResults:
    """What one label's records say.

    Attributes:
        label: the label.
        evidence: its records.
        verdicts: of the claims that are asked of its preset and data.
        figures: the folder that the label's is in.
        trouble: by experiment, why its records cannot be read.
    """

    label: str
    evidence: Evidence
    verdicts: Sequence[Verdict]
    figures: Path = OWN
    trouble: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Its preset and data, and its loss where that is not plain cross-entropy: "quick, synthetic".

        Its label where no record of it can be read.
        """
        found = {
            ", ".join([about["preset"], about["data"], *told(about)])
            for about in self.evidence.abouts.values()
        }
        return "; ".join(sorted(found)) or self.label

    @property
    def said_of_seeds(self) -> str:
        """What its seeds are for, and which they are: "exploration, seeds 0 to 4"."""
        seeds = self.evidence.seeds
        which = (
            f", seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f", seed {seeds[0]}" if seeds else ""
        )
        return f"{self.evidence.phase}{which}"

    def todo(self, verdict: Verdict) -> str | None:
        """The command that runs what this verdict lacks; None where it is settled or runs would not help.

        A confirmation gets no more seeds: how many it has was fixed beforehand.
        """
        if verdict.word == "not run":
            return self.more(self.lacking(verdict)) if self.lacking(verdict) else None
        if self.evidence.phase != "exploration":
            return None
        return self.more(verdict.claim.needs, verdict.seeds_needed) if verdict.seeds_needed else None

    def lacking(self, verdict: Verdict) -> list[str]:
        """The experiments that this label has no records of and that the verdict's claim needs."""
        return [name for name in verdict.claim.needs if name not in self.evidence.abouts]

    def more(self, names: Collection[str], seeds: int | None = None) -> str:
        """The command that runs these experiments as this label's were run.

        Args:
            seeds: how many in all; None: as many as the preset has.
        """
        words = ["python", "-m", "experiments.more", "--label", self.label]
        if self.figures.name == OWN.name and self.figures != OWN:
            words += ["--results", str(self.figures.parent)]
        elif self.figures != OWN:
            words += ["--figures", str(self.figures)]
        words += ["--only", *names]
        return shlex.join(words + ([] if seeds is None else ["--seeds", str(seeds)]))


def labels(figures: Path, only: str | None = None) -> dict[str, tuple[Evidence, dict[str, str]]]:
    """The records in each of the folders of `figures`, and by experiment why others cannot be read.

    Raises:
        InvalidInput: there are none, or none of the label `only`; or none of them can be read.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(figures.glob("*/*.parquet")):
        if only in (None, path.parent.name):
            found.setdefault(path.parent.name, []).append(path.stem)
    name, value = ("figures", str(figures)) if only is None else ("label", only)
    others = sorted({path.parent.name for path in figures.glob("*/*.parquet")})
    known = f" (it has {', '.join(others)})" if others else ""
    collecting = "python -m analysis.all collects them"
    require(bool(found), name, value, f"{figures} has no such records{known}; {collecting}")
    evidence = {label: _read(figures / label, names) for label, names in found.items()}
    if not any(records.tables for records, _ in evidence.values()):
        (first, *_) = [why for _, trouble in evidence.values() for why in trouble.values()]
        raise InvalidInput(name, value, f"none of its records can be read: {first}")
    return evidence


def _read(folder: Path, names: Sequence[str]) -> tuple[Evidence, dict[str, str]]:
    tables, abouts, trouble = {}, {}, {}
    for name in names:
        try:
            tables[name], abouts[name] = load(folder, name)
        except InvalidInput as error:
            trouble[name] = str(error)
    return Evidence(tables, abouts), trouble


def answers(figures: Path, label: str | None = None, ids: Collection[str] = ()) -> list[ClaimResults]:
    """Every claim's verdict for every label; or those of one label, or of some claims.

    Raises:
        InvalidInput: there are no such records, or no such claim.
    """
    claims = {claim.id: claim for claim in discover()}
    for name in ids:
        require(name in claims, "only", name, f"must be among {', '.join(claims)}")
    asked = [claims[name] for name in ids or claims]
    return [
        ClaimResults(
            label,
            evidence,
            [ask(claim, evidence) for claim in asked if _asked(claim, evidence)],
            figures,
            trouble,
        )
        for label, (evidence, trouble) in labels(figures, label).items()
    ]


def never_asked(given: Sequence[ClaimResults]) -> list[tuple[Verdict, str]]:
    """The claims that are asked of none of these labels, each with the command that would run it."""
    asked = {verdict.claim.id for one in given for verdict in one.verdicts}
    found = []
    for claim in discover():
        if claim.id not in asked:
            preset = f"preset {' or '.join(claim.presets)}" if claim.presets else "other data"
            command = ["python", "-m", "experiments.all", "--preset", (*claim.presets, "quick")[0]]
            command += ["--data", "cifar10", "--only", *claim.needs]
            found.append((Verdict(claim, "not run", why=f"asked of {preset} only"), shlex.join(command)))
    return found


def counterpart(one: ClaimResults, published: Sequence[ClaimResults]) -> ClaimResults | None:
    """The published results of the same preset and data.

    If there are several: those of the same label, else those that confirm.
    """
    alike = [other for other in published if other.title == one.title]
    alike.sort(key=lambda other: (other.label != one.label, other.evidence.phase != "confirmation"))
    return alike[0] if alike else None


def differ(ours: Finding, theirs: Finding) -> bool:
    """Whether two findings of one effect differ beyond their intervals: no number lies in both."""
    (mine, other) = ours.interval, theirs.interval
    return mine.high < other.low or mine.low > other.high


def save(one: ClaimResults, folder: Path) -> Path:
    """The verdicts as JSON, beside the records that they are of; `experiments.more` reads them."""
    content = [
        {
            "claim": verdict.claim.id,
            "verdict": verdict.word,
            "needs": list(verdict.claim.needs),
            "seeds_needed": verdict.seeds_needed,
            "parts": [_numbers(finding) for finding in verdict.findings],
        }
        for verdict in one.verdicts
    ]
    path = folder / "claims.json"
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path


def _numbers(finding: Finding) -> dict[str, Any]:
    effect = finding.interval
    known = {"mean": effect.mean, "low": effect.low, "high": effect.high}
    return {
        "what": finding.part.what,
        "rule": finding.part.region,
        "verdict": finding.word,
        "seeds": effect.seeds,
        # Six digits: the last of a float64 differ between machines. JSON has no NaN.
        **{name: None if math.isnan(value) else float(f"{value:.6g}") for name, value in known.items()},
    }


def _asked(claim: Claim, evidence: Evidence) -> bool:
    return any(claim.asked_of(about["preset"], about["data"]) for about in evidence.abouts.values())
