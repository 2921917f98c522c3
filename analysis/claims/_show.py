"""Claims on a terminal: verdicts with their effects, and one's own beside the published ones."""

import math
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.claims._published import ClaimResults, counterpart, differ, never_asked
from analysis.claims._verdict import Finding, Verdict

COLOURS = {
    "supported": "green",
    "contradicted": "red",
    "inconclusive": "yellow",
    "stated": "cyan",
    "cannot be asked": "dim",
    "not run": "dim",
}
MARK = "*"  # of an effect that differs beyond the intervals


def effect(finding: Finding) -> str:
    """A mean with its interval: "0.12 [0.03, 0.21]"; what is not known is a dash."""
    mean, low, high = (
        "–" if math.isnan(value) else f"{value:.2g}"
        for value in (finding.interval.mean, finding.interval.low, finding.interval.high)
    )
    return mean if low == "–" else f"{mean} [{low}, {high}]"


def show(given: Sequence[ClaimResults], console: Console, everything: bool = True) -> None:
    """A table for each label, the fullest last; of `everything`, the claims asked of none, too."""
    for one in _fullest_last(given):
        table = _table(
            console, one, ("claim", None), ("effect [95% interval]", 21), ("rule", 13), ("seeds", 5)
        )
        run = [verdict for verdict in one.verdicts if verdict.word != "not run"]
        for verdict in run:
            table.add_row(_sentence(verdict), _word(verdict), "", "")
            for finding in verdict.findings:
                row = (f"  {finding.part.what}", effect(finding), finding.part.region)
                table.add_row(*map(Text, row), str(finding.interval.seeds))
        if run:
            console.print(table)
        for verdict in run:
            if verdict.why:
                _line(console, f"{verdict.claim.id}: {verdict.why}", one.todo(verdict))
        _say_what_is_missing(one, console)
    for claim in dict.fromkeys(verdict.claim for one in given for verdict in one.verdicts):
        if "FILL IN" in claim.source + "".join(part.reason for part in claim.parts):
            _line(console, f"{claim.id}: FILL IN is left where its source or its rule's reason should be")
    rest = never_asked(given) if everything else []
    if rest:
        names = ", ".join(verdict.claim.id for verdict, _ in rest)
        _line(console, f"not asked of these presets and data: {names}")
        for command in dict.fromkeys(command for _, command in rest):
            _line(console, f"  {command}")


def compare(given: Sequence[ClaimResults], published: Sequence[ClaimResults], console: Console) -> None:
    """A table for each label: verdicts and effects beside the published ones of the same preset and data."""
    for one in _fullest_last(given):
        other = counterpart(one, published)
        if other is None:
            show([one], console, everything=False)
            _line(console, "nothing is published of this preset and data")
            continue
        theirs = {verdict.claim.id: verdict for verdict in other.verdicts}
        run = [verdict for verdict in one.verdicts if verdict.word != "not run"]
        table = _table(console, one, ("claim", None), ("yours", 21), ("published", 21), ("", 1))
        asked_of_both = same = beyond = 0
        for verdict in run:
            known = theirs.get(verdict.claim.id)
            known = None if known is None or known.word == "not run" else known
            asked_of_both += known is not None
            same += known is not None and known.word == verdict.word
            table.add_row(
                _sentence(verdict),
                _word(verdict),
                _word(known) if known else "–",
                "",
            )
            parts = {finding.part.what: finding for finding in known.findings} if known else {}
            for finding in verdict.findings:
                part = parts.get(finding.part.what)
                far = part is not None and differ(finding, part)
                beyond += far
                table.add_row(
                    Text(f"  {finding.part.what}"),
                    Text(effect(finding)),
                    Text(effect(part)) if part else "–",
                    MARK if far else "",
                )
        if run:
            console.print(table)
        if run:
            _line(
                console,
                f"{same} of {asked_of_both} verdicts are as published; effects that differ beyond their 95% "
                f"intervals: {beyond or 'none'}" + (f" (marked {MARK})" if beyond else ""),
            )
        _say_what_is_missing(one, console)


def _say_what_is_missing(one: ClaimResults, console: Console) -> None:
    """A line for the claims that were not run, and one for each experiment that cannot be read."""
    not_run = [verdict for verdict in one.verdicts if verdict.word == "not run"]
    lacking = dict.fromkeys(name for verdict in not_run for name in one.lacking(verdict))
    without = [verdict.claim.id for verdict in not_run if one.lacking(verdict)]
    if without:
        _line(console, f"not run: {', '.join(without)}", one.more(lacking))
    for verdict in not_run:
        if not one.lacking(verdict):
            _line(console, f"{verdict.claim.id}: not run; {verdict.why}")
    for name, why in one.trouble.items():
        _line(console, f"{one.label}/{name}: {why}")


def _line(console: Console, text: str, command: str | None = None) -> None:
    """A line as it is, whatever is in it; the command under it, in one piece to be copied."""
    console.print(Text(text))
    if command:
        console.print(Text(f"  {command}"), soft_wrap=True)


def _table(console: Console, one: ClaimResults, *columns: tuple[str, int | None]) -> Table:
    """A table with its label for a title; without lines or colours where it is not on a terminal."""
    title = Text(f"{one.title} ({one.label}; {one.said_of_seeds})")
    # As wide as a page where it is piped, whatever COLUMNS says of the terminal that is not there.
    table = Table(title=title, box=box.SIMPLE if console.is_terminal else None, title_justify="left")
    for name, width in columns:
        table.add_column(name, max_width=width, ratio=None if width else 1)
    return table


def _sentence(verdict: Verdict) -> Text:
    return Text(f"{verdict.claim.id}: {verdict.claim.sentence}", style="bold")


def _word(verdict: Verdict) -> Text:
    return Text(verdict.word, style=COLOURS.get(verdict.word, ""))


def _fullest_last(given: Sequence[ClaimResults]) -> list[ClaimResults]:
    return sorted(given, key=lambda one: len(one.evidence.tables))
