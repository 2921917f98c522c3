"""What the published records say: docs/results.md, the README's answer, numbers in other pages, the report.

    python -m analysis.results             writes them from paper_figures/
    python -m analysis.results --redraw    draws the figures themselves anew, too: this is `make figures`
    python -m analysis.results --check     says whether they are what it would write

No number in them is typed: verdicts, effects and intervals are read off the records, and so are those in the
answer, whose sentences are in `analysis/answer.txt.jinja`. Any other page of docs/, and the README, may ask
for one where it speaks of it: `<!-- effect("quick", "L1-D", 0) --><!-- end -->` is filled in between the
marks, which a reader does not see. What may be asked for are the functions of `analysis._answer`.
"""

import re
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis import _answer, _manifest, claims, discover, limit, report
from analysis._drawing import DrawingOptions, records_of
from analysis._writing import require_writable, write_text
from analysis.claims._published import PUBLISHED, ClaimResults, answers
from analysis.claims._show import effect
from analysis.report import summary
from commandline import exit_with, parse
from research.errors import InvalidInput, require

BLOCK = re.compile(r"(?<=<!-- answer -->\n).*?(?=<!-- end of answer -->)", re.DOTALL)
"""Where the README has the answer."""


@dataclass(frozen=True)
class ResultsOptions:
    """What is written where.

    Attributes:
        figures: folder of the published records.
        page: the page of results; in the other pages of its folder what is between marks is replaced.
        readme: the README, the same, and whose text between the marks of the answer is replaced.
        redraw: draw all figures of that folder anew, of the records beside them.
        check: write nothing; exit status 2 where a page is not what would be written. The report, which holds
            drawings, is not looked at.
    """

    figures: Path = PUBLISHED
    page: Path = Path("docs/results.md")
    readme: Path = Path("README.md")
    redraw: bool = False
    check: bool = False

    def __post_init__(self):
        require(
            not (self.check and self.redraw), "redraw", True, "cannot be, with --check, which writes nothing"
        )


def results(published: Sequence[ClaimResults]) -> str:
    """The page of results, in Markdown."""
    environment = _answer.environment()
    environment.globals |= {
        "effect": effect,
        "cell": cell,
        "summary": summary,
        "limit": limit,
        "captions": captions,
        "made_on": made_on,
        "standing": standing,
    }
    return environment.get_template("results.md.jinja").render(
        published=published, answer=_answer.answer(published)
    )


def standing(published: Sequence[ClaimResults]) -> str:
    """How many of all claims were asked on seeds that confirm, and what became of them, in some sentences."""
    words: dict[str, set[str]] = {claim.id: set() for claim in claims.discover()}
    confirming = [one for one in published if one.evidence.phase == "confirmation"]
    for one in confirming:
        for verdict in one.verdicts:
            words[verdict.claim.id].add(verdict.word)
    became = {name: _on_all(found) for name, found in words.items()}

    def named(word: str) -> str:
        return ", ".join(name for name in became if became[name] == word) or "none"

    count = Counter(became.values())
    verdicts = [verdict.word for one in confirming for verdict in one.verdicts if verdict.word != "not run"]
    asked, alike, some = len(words) - count["not run"], count["settled"], count["settled on some"]
    return (
        f"Of {len(words)} claims {asked} were asked on seeds that confirm. {alike + some} of them are "
        f"supported or contradicted: {alike} wherever they were asked, {some} on some label and inconclusive "
        f"on another ({named('settled on some')}). Each label that a claim is asked of adds up to 2.5% to "
        f"the chance of a mistake. Both ways, by label, came out: {named('both ways')}. {count['stated']} "
        f"are only stated, and {count['cannot be asked']} could not be asked. {count['inconclusive']} are "
        f"inconclusive on every label: {named('inconclusive')}. Label by label there are {len(verdicts)} "
        f"verdicts, {verdicts.count('inconclusive')} of them inconclusive."
    )


def _on_all(words: Collection[str]) -> str:
    """What came of a claim, by its verdicts on several labels."""
    settled = {"supported", "contradicted"} & {*words}
    if len(settled) == 2:
        return "both ways"
    if settled:
        return "settled on some" if "inconclusive" in words else "settled"
    return next((word for word in ("stated", "inconclusive", "cannot be asked") if word in words), "not run")


def captions(one: ClaimResults) -> list[tuple[str, str]]:
    """The figures that are drawn of a label's records, each with what its module says that it shows."""
    return [
        (name, (module.__doc__ or name).splitlines()[0])
        for name, module in discover().items()
        if records_of(name, module.draw) in one.evidence.abouts
    ]


def made_on(one: ClaimResults) -> str:
    """What a label's records were computed on: "1 x NVIDIA H200, 2 x cpu; jax 0.11.2"."""
    records = [about.get("records", {}) for about in one.evidence.abouts.values()]
    devices, versions = (
        sorted({value for each in records for value in each.get(fact, ())}) for fact in ("device", "jax")
    )
    return f"{', '.join(devices)}; jax {' and '.join(versions)}"


def readme(text: str, published: Sequence[ClaimResults]) -> str:
    """The README with the answer and its figures as the published records have them.

    Raises:
        InvalidInput: it has no place for them.
    """
    shown = [f"![{name}](paper_figures/{label}/{name}.png)" for label, name in _answer.FIGURES]
    heads = [
        f"{what[0].upper()}{what[1:]} ({_title(published, label)})"
        for (label, _), what in _answer.FIGURES.items()
    ]
    rows = [heads, ["---"] * len(heads), shown]
    table = "\n".join(f"| {' | '.join(map(cell, row))} |" for row in rows)
    block = f"\n{_answer.answer(published)}\n\n{table}\n\n"
    require(len(BLOCK.findall(text)) == 1, "readme", "README.md", "must have one <!-- answer --> block")
    return _answer.filled(BLOCK.sub(lambda _: block, text), published)


def _title(published: Sequence[ClaimResults], label: str) -> str:
    return next((one.title for one in published if one.label == label), label)


def cell(text: object) -> str:
    """Text that stays in its cell of a Markdown table, and is not read as HTML."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")


def main() -> None:
    """Write all of it, or compare the pages."""
    options = parse(ResultsOptions, "analysis.results", __doc__)
    if options.check:
        write(options, _all_readable(answers(options.figures)))
        return
    folders = {path.parent for path in options.figures.glob("*/*.parquet")} if options.redraw else set()
    way_on = DrawingOptions(figures=options.figures, redraw=True).way_on
    for folder in (options.figures, *sorted(folders)):
        require_writable("figures", folder, way_on)
        _manifest.read(folder)
    pictures = report.Pictures()
    with pictures.ahead(options.figures, redraw=options.redraw):
        published = _all_readable(answers(options.figures))
        write(options, published)
        report.write(
            report.ReportOptions(figures=options.figures, published=options.figures), published, pictures
        )
        trouble = pictures.state() if options.redraw else []
    if trouble:
        print(*trouble, sep="\n", file=sys.stderr)
        sys.exit(1)


def _all_readable(published: Sequence[ClaimResults]) -> Sequence[ClaimResults]:
    """Refuse damaged records: pages written without them would say that they were never made."""
    for one in published:
        for name, why in one.trouble.items():
            raise InvalidInput("records", f"{one.label}/{name}", f"nothing is written without them: {why}")
    return published


def write(options: ResultsOptions, published: Sequence[ClaimResults]) -> None:
    """Write the pages; or compare them with what would be written."""
    require(options.readme.is_file(), "readme", str(options.readme), "is not there; run it in the repository")
    pages = {path for path in options.page.parent.glob("*.md") if path.is_file()}
    pages -= {options.page, options.readme}
    written = {
        options.page: results(published),
        options.readme: readme(options.readme.read_text(encoding="utf-8"), published),
        **{path: _answer.filled(path.read_text(encoding="utf-8"), published) for path in sorted(pages)},
    }
    for path, text in written.items():
        if options.check:
            same = path.is_file() and path.read_text(encoding="utf-8") == text
            require(same, "file", str(path), "is not what the records say; make figures writes it")
        else:
            write_text("readme" if path == options.readme else "page", path, text)
            print(path)


if __name__ == "__main__":
    exit_with(main)
