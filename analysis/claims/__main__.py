"""The table of claims, from the published records.

python -m analysis.claims                          every label in paper_figures/
python -m analysis.claims --label quick --more-seeds   run the seeds that the open claims want, and ask again
"""

import math
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.claims._published import ClaimResults, answers, collecting, more_seeds, never_asked
from analysis.claims._verdict import Finding, Verdict
from commandline import exit_with, parse

COLOURS = {
    "supported": "green",
    "contradicted": "red",
    "inconclusive": "yellow",
    "stated": "cyan",
    "cannot be asked": "dim",
    "not run": "dim",
}


@dataclass(frozen=True)
class Options:
    """Which records to ask.

    Attributes:
        label: which result; None: all that there are.
        only: ids of claims; none: all of them.
        figures: folder that `python -m analysis.all` collected the records in.
        more_seeds: run exactly the seeds that would be expected to settle the open claims, then ask again.
        markdown: print Markdown tables, as the README has them.
    """

    label: str | None = None
    only: tuple[str, ...] = ()
    figures: Path = Path("paper_figures")
    more_seeds: bool = False
    markdown: bool = False


def show(given: Sequence[ClaimResults], console: Console, everything: bool = True) -> None:
    """A table for each label, the fullest last; of `everything`, the claims asked of none, too."""
    for one in sorted(given, key=lambda one: len(one.evidence.tables)):
        table = Table("claim", "verdict", "effect [95% interval]", "rule", "seeds", title=one.title)
        lacking = _lacking(one)
        folded = {name for ids in lacking.values() for name in ids}
        asked = [verdict for verdict in one.verdicts if verdict.claim.id not in folded]
        for verdict in asked:
            _add(table, verdict)
        if asked:
            console.print(table)
        for verdict in asked:
            commands = [f"; {command}" for command in one.todo(verdict)]
            for command in commands or [""] * bool(verdict.why and verdict.findings):
                console.print(Text(f"{verdict.claim.id}: {verdict.why}{command}"), soft_wrap=True)
        for command, ids in lacking.items():
            console.print(Text(f"not run: {', '.join(ids)}; {command}"), soft_wrap=True)
    for claim in dict.fromkeys(verdict.claim for one in given for verdict in one.verdicts):
        if "FILL IN" in claim.source + "".join(part.reason for part in claim.parts):
            console.print(
                Text(f"{claim.id}: FILL IN is left where its source or its rule's reason should be")
            )
    rest = never_asked(given) if everything else []
    if rest:
        names = ", ".join(verdict.claim.id for verdict, _ in rest)
        commands = dict.fromkeys(part for _, command in rest for part in command.split(" && "))
        console.print(Text(f"not run: {names}. They need {'; '.join(commands)}"), soft_wrap=True)


def _lacking(one: ClaimResults) -> dict[str, list[str]]:
    """By the command that would make records that they need: the claims that could not be asked."""
    found: dict[str, list[str]] = {}
    for verdict in one.verdicts:
        for command in one.todo(verdict) if verdict.word == "not run" else ():
            found.setdefault(command, []).append(verdict.claim.id)
    return found


def _add(table: Table, verdict: Verdict) -> None:
    word = Text(verdict.word, style=COLOURS[verdict.word])
    table.add_row(verdict.claim.id, word, Text(verdict.claim.sentence, style="bold"), "", "")
    for finding in verdict.findings:
        part = Text(f"{finding.part.what}: {effect(finding)}")
        table.add_row("", "", part, finding.part.region, str(finding.interval.seeds))
    if not verdict.findings:
        table.add_row("", "", Text(verdict.why), "", "")


def effect(finding: Finding) -> str:
    """A mean with its interval: "0.12 [0.03, 0.21]"; what is not known is a dash."""
    mean, low, high = (
        "–" if math.isnan(value) else f"{value:.2g}"
        for value in (finding.interval.mean, finding.interval.low, finding.interval.high)
    )
    return mean if low == "–" else f"{mean} [{low}, {high}]"


def markdown(one: ClaimResults) -> str:
    """The verdicts as the README's table; what was not run is named under it."""
    lines = [f"| claim ({one.title}) | verdict |", "| --- | --- |"]
    lines += [
        f"| {verdict.claim.id}: {verdict.claim.sentence} | {verdict.word} |"
        for verdict in one.verdicts
        if verdict.word != "not run"
    ]
    rest = [verdict.claim.id for verdict in one.verdicts if verdict.word == "not run"]
    if rest:
        lines += ["", f"Not run on these: {', '.join(rest)}."]
    return "\n".join(lines)


def main() -> None:
    """Ask, and run more seeds where that is wanted."""
    options = parse(Options, "analysis.claims", __doc__)
    given = answers(options.figures, options.label, options.only)
    if options.more_seeds:
        commands = more_seeds(given)
        for command in (*commands, *collecting(given, options.figures)):
            _run(command)
        if commands:
            given = answers(options.figures, options.label, options.only)
        else:
            print("no open claim would be settled by more seeds")
    if options.markdown:
        print("\n\n".join(markdown(one) for one in given))
    else:
        show(given, Console(), everything=not options.only)


def _run(command: str) -> None:
    """A command of this repository, by this interpreter; what it says goes where this one's does."""
    print(f"$ {command}", flush=True)
    done = subprocess.run([sys.executable, *shlex.split(command)[1:]], check=False)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    exit_with(main)
