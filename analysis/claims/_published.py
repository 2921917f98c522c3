"""All claims asked of all published records, and what there is to do about the open ones."""

import json
import math
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis._publish import load
from analysis.claims import discover
from analysis.claims._claim import Claim, Evidence
from analysis.claims._command import command_for, results_of
from analysis.claims._verdict import Finding, Verdict, ask
from research.errors import require

WITHOUT_RECORDS: Mapping[str, Any] = {"command": "python -m experiments.all --preset paper --data cifar10"}


@dataclass(frozen=True)
class ClaimResults:
    """What one label's records say.

    Attributes:
        label: the label.
        evidence: its records.
        verdicts: of the claims that are asked of its preset and data.
    """

    label: str
    evidence: Evidence
    verdicts: Sequence[Verdict]

    @property
    def title(self) -> str:
        """Its preset and data: "quick, synthetic"."""
        pairs = {(about["preset"], about["data"]) for about in self.evidence.abouts.values()}
        return "; ".join(f"{preset}, {data}" for preset, data in sorted(pairs))

    def todo(self, verdict: Verdict) -> Sequence[str]:
        """Commands that run what this verdict lacks; none where it is settled or runs would not help."""
        abouts = self.evidence.abouts
        anyone = next(iter(abouts.values()))
        if verdict.word == "not run":
            lacking = [name for name in verdict.claim.needs if name not in abouts]
            return [command_for(name, anyone) for name in lacking]
        if verdict.seeds_needed is None:
            return []
        return [command_for(name, abouts[name], verdict.seeds_needed) for name in verdict.claim.needs]


def labels(figures: Path, only: str | None = None) -> dict[str, Evidence]:
    """The records in each of the published folders.

    Raises:
        InvalidInput: there are none, or none of the label `only`.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(figures.glob("*/*.parquet")):
        if only in (None, path.parent.name):
            found.setdefault(path.parent.name, []).append(path.stem)
    field, value = ("figures", str(figures)) if only is None else ("label", only)
    require(bool(found), field, value, f"{figures} has no such records; python -m analysis.all collects them")
    evidence = {}
    for label, names in found.items():
        loaded = {name: load(figures / label, name) for name in names}
        evidence[label] = Evidence(
            {name: table for name, (table, _) in loaded.items()},
            {name: about for name, (_, about) in loaded.items()},
        )
    return evidence


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
        ClaimResults(label, evidence, [ask(claim, evidence) for claim in asked if _asked(claim, evidence)])
        for label, evidence in labels(figures, label).items()
    ]


def never_asked(given: Sequence[ClaimResults]) -> list[tuple[Verdict, str]]:
    """The claims that are asked of none of these labels, each with the command that would run it."""
    asked = {verdict.claim.id for one in given for verdict in one.verdicts}
    return [
        (
            Verdict(claim, "not run", why=f"asked of preset {' or '.join(claim.presets)} only"),
            " && ".join(command_for(name, WITHOUT_RECORDS) for name in claim.needs),
        )
        for claim in discover()
        if claim.id not in asked
    ]


def more_seeds(given: Sequence[ClaimResults]) -> list[str]:
    """The commands that take every open claim to the seeds expected to settle it, each experiment once."""
    abouts = {one.label: one.evidence.abouts for one in given}
    return [command_for(name, abouts[label][name], seeds) for (label, name), seeds in _wanted(given).items()]


def collecting(given: Sequence[ClaimResults], figures: Path) -> list[str]:
    """The commands that then collect those records, each from the folder that its experiment kept it in."""
    abouts = {one.label: one.evidence.abouts for one in given}
    pairs = [(label, results_of(abouts[label][name])) for label, name in _wanted(given)]
    return [
        shlex.join(
            [
                "python",
                "-m",
                "analysis.all",
                "--label",
                label,
                "--results",
                results,
                "--figures",
                str(figures),
            ]
        )
        for label, results in dict.fromkeys(pairs)
    ]


def _wanted(given: Sequence[ClaimResults]) -> dict[tuple[str, str], int]:
    """By label and experiment, the most seeds in all that any open claim wants."""
    wanted: dict[tuple[str, str], int] = {}
    for one in given:
        for verdict in one.verdicts:
            for name in verdict.claim.needs if verdict.seeds_needed else ():
                known = wanted.get((one.label, name), 0)
                wanted[one.label, name] = max(known, verdict.seeds_needed or 0)
    return wanted


def save(one: ClaimResults, folder: Path) -> Path:
    """The verdicts as JSON, beside the records that they are of."""
    content = [
        {
            "claim": verdict.claim.id,
            "verdict": verdict.word,
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
