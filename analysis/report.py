"""One page with everything: the answer so far, claims with their verdicts, figures, and their sources.

python -m analysis.report                           of your own: writes results/figures/report.html
python -m analysis.report --figures paper_figures   of the published ones: writes paper_figures/report.html

Your own verdicts stand beside the published ones of the same preset and data, on the page and in the table
that is printed. The page is one file that needs no network and no JavaScript. Every label has a section and
its own figures: records of different data or presets are never in one figure.
"""

import io
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, get_args
from urllib.parse import quote

import matplotlib.pyplot as plt
from markdown_it import MarkdownIt
from markupsafe import Markup
from rich.console import Console

from analysis import _answer, _drawing, _manifest, discover
from analysis._style import house_style
from analysis._writing import write_text
from analysis.claims import Claim, Verdict, in_order, topics
from analysis.claims._published import (
    PUBLISHED,
    ClaimResults,
    answers,
    counterpart,
    differ,
    never_asked,
    save,
)
from analysis.claims._show import compare, effect
from analysis.claims._verdict import Finding, Word
from commandline import exit_with, parse
from research.errors import InvalidInput

HOW = ("jax", "device", "processor", "revision")  # what records say themselves of how they were made
TEMPLATE = "report.html.jinja"
ARTICLE = "What the article says"


@dataclass(frozen=True)
class ReportOptions:
    """Which records to report on.

    Attributes:
        label: which result; None: all that there are.
        results: folder of the records.
        figures: folder that `python -m analysis.all` collected the records in. Default: figures/ in the
            results folder.
        out: the page; None: report.html in `figures`.
        published: folder of the published records, which yours are compared with.
    """

    label: str | None = None
    results: Path = Path("results")
    figures: Path | None = None
    out: Path | None = None
    published: Path = PUBLISHED

    @property
    def source(self) -> Path:
        """The folder of the collected records."""
        return self.figures or self.results / "figures"


Picture = tuple[Markup | None, str | None]
"""A figure's data URL; or why there is none."""


@dataclass(frozen=True)
class Beside:
    """A verdict, with the published one where there is one and this is not it.

    Attributes:
        verdict: of one label's records.
        published: on the same claim, of the same preset and data.
    """

    verdict: Verdict
    published: Verdict | None = None

    def part(self, finding: Finding) -> Finding | None:
        """The published finding on the same effect."""
        parts = self.published.findings if self.published else ()
        return next((part for part in parts if part.part.what == finding.part.what), None)

    def differs(self, finding: Finding) -> bool:
        """Whether the published finding differs beyond the intervals."""
        part = self.part(finding)
        return part is not None and differ(finding, part)


class Pictures:
    """Figures for the page, each drawn once: where it is asked for, or before that by another process.

    Attributes:
        modules: by a figure's name, what draws it.
    """

    def __init__(self):
        self.modules = discover()
        self._drawn: dict[tuple[str, Path], Future[Picture]] = {}

    @contextmanager
    def ahead(self, figures: Path, label: str | None = None, *, redraw: bool = False) -> Iterator[None]:
        """A while in which other processes draw the figures of a folder, or of one label in it.

        Args:
            redraw: the figures' own files are written anew from the same drawings.
        """
        with _drawing.processes() as pool:
            for records in sorted(figures.glob("*/*.parquet")):
                if label in (None, records.parent.name):
                    for name, module in self.modules.items():
                        if _drawing.records_of(name, module.draw) == records.stem:
                            task = pool.submit(_picture, name, records.parent, redraw)
                            self._drawn[name, records.parent] = task
            try:
                yield
            finally:
                pool.shutdown(cancel_futures=True)

    def state(self) -> list[str]:
        """State in the manifests which records the figures drawn anew show.

        Returns:
            Of each that could not be drawn, in a line, why.
        """
        trouble = []
        for (name, folder), drawn in self._drawn.items():
            if why := drawn.result()[1]:
                trouble.append(f"{folder.name}/{name}: cannot be drawn: {why}")
                continue
            records = _drawing.records_of(name, self.modules[name].draw)
            _manifest.state(folder, name, _drawing.files(name, folder), records)
        return trouble

    def of(self, name: str, folder: Path) -> Picture:
        """The figure of this name, where there is one; or, in a line, why it cannot be drawn."""
        if name not in self.modules:
            return None, None
        if (name, folder) not in self._drawn:
            self._drawn[name, folder] = drawn = Future()
            drawn.set_result(_try_image(name, self.modules[name], folder))
        return self._drawn[name, folder].result()


def page(
    given: Sequence[ClaimResults],
    figures: Path,
    published: Sequence[ClaimResults] = (),
    pictures: Pictures | None = None,
) -> str:
    """The report's HTML.

    Args:
        given: what it is of.
        figures: the folder of their records and figures.
        published: what they are compared with, and the answer read off; empty: they are it themselves.
        pictures: figures that are being drawn; None: they are drawn here.
    """
    pictures = pictures or Pictures()
    environment = _answer.environment()
    environment.globals["effect"] = effect
    rest, titles = never_asked(given), _titles(given)
    overview, not_run = _overview(given, published)
    return environment.get_template(TEMPLATE).render(
        own=bool(published),
        exploring={one.label for one in given if one.evidence.phase != "confirmation"},
        answer=_said(published or given),
        figure=_first_figure(given, figures, pictures),
        overview=overview,
        not_run=not_run,
        sections=[
            _section(one, counterpart(one, published), figures, pictures) | {"title": titles[one.label]}
            for one in given
        ],
        never=[verdict.claim for verdict, _ in rest],
        commands=list(dict.fromkeys(command for _, command in rest)),
    )


def _said(published: Sequence[ClaimResults]) -> Markup:
    """The answer, as HTML."""
    try:
        said = _answer.answer(published)
    except InvalidInput as error:
        said = f"No answer can be read off these records: {error}."
    return Markup(MarkdownIt("commonmark", {"html": False}).render(said))


def _first_figure(
    given: Sequence[ClaimResults], figures: Path, pictures: Pictures
) -> tuple[Markup, str] | None:
    """The figure that the answer is read off, with its text; None: there is none in these records."""
    for label, name in _answer.FIGURES:
        records = getattr(pictures.modules[name], "RECORDS", name)
        # The published one's label, or whatever one's own is called.
        for one in sorted(given, key=lambda one: one.label != label):
            if records in one.evidence.abouts:
                image, why = pictures.of(name, figures / one.label)
                about = one.evidence.abouts[records]
                return None if why or image is None else (image, _alt(pictures.modules[name], about))
    return None


def _titles(given: Sequence[ClaimResults]) -> dict[str, str]:
    """Each label's preset and data; with the label, where another's are the same."""
    often = Counter(one.title for one in given)
    return {one.label: one.title if often[one.title] == 1 else f"{one.title} ({one.label})" for one in given}


Row = tuple[Claim, list[tuple[str, str, Beside]]]
"""A claim with its verdicts: label, title, verdict."""


def _overview(
    given: Sequence[ClaimResults], published: Sequence[ClaimResults]
) -> tuple[list[tuple[str, list[Row]]], list[str]]:
    """By topic, the article's first, the claims that were run; and the ids of those that were not."""
    titles, topic = _titles(given), topics()
    found: dict[str, list[tuple[str, str, Beside]]] = {}
    claims: dict[str, Claim] = {}
    for one in given:
        other = counterpart(one, published)
        for verdict in one.verdicts:
            claims[verdict.claim.id] = verdict.claim
            beside = Beside(verdict, _published(verdict, other))
            run = [] if verdict.word == "not run" else [(one.label, titles[one.label], beside)]
            found.setdefault(verdict.claim.id, []).extend(run)
    groups: dict[str, list[Row]] = {ARTICLE: []}
    for name in sorted(claims, key=in_order):
        title = ARTICLE if _answer.is_article(claims[name]) else topic.get(name, "Others")
        if found[name]:
            groups.setdefault(title, []).append((claims[name], found[name]))
    not_run = [name for name in sorted(claims, key=in_order) if not found[name]]
    return [(title, rows) for title, rows in groups.items() if rows], not_run


def _published(verdict: Verdict, other: ClaimResults | None) -> Verdict | None:
    known = {one.claim.id: one for one in other.verdicts if one.findings} if other else {}
    return known.get(verdict.claim.id)


def _section(
    one: ClaimResults,
    other: ClaimResults | None,
    figures: Path,
    pictures: Pictures,
) -> dict[str, Any]:
    abouts = one.evidence.abouts
    stale = _manifest.stale(figures / one.label)
    run = [Beside(item, _published(item, other)) for item in one.verdicts if item.word != "not run"]
    not_run = [verdict for verdict in one.verdicts if verdict.word == "not run"]
    lacking = list(dict.fromkeys(name for verdict in not_run for name in one.lacking(verdict)))
    return {
        "label": one.label,
        "data": one.title,
        "mixed": len({(about["data"], about["preset"]) for about in abouts.values()}) > 1,
        "smoke": any(about["preset"] == "smoke" for about in abouts.values()),
        "summary": summary(one),
        "seeds": one.said_of_seeds,
        "compared": other.label if other else None,
        "experiments": [
            _experiment(name, one, run, stale.get(name), figures / one.label, pictures) for name in abouts
        ],
        "trouble": one.trouble,
        "not_run": [verdict.claim.id for verdict in not_run],
        "command": one.more(lacking) if lacking else None,
        "hindered": [verdict for verdict in not_run if not one.lacking(verdict)],
    }


def _experiment(
    name: str,
    one: ClaimResults,
    run: Sequence[Beside],
    stale: str | None,
    folder: Path,
    pictures: Pictures,
) -> dict[str, Any]:
    """An experiment's figure and claims, and where its records are from."""
    about = one.evidence.abouts[name]
    image, trouble = pictures.of(name, folder)
    return {
        "name": name,
        "stale": stale,
        "image": image,
        "more": [
            (pictures.of(other, folder)[0], _alt(module, about))
            for other, module in pictures.modules.items()
            if getattr(module, "RECORDS", None) == name
        ],
        "trouble": trouble,
        "alt": _alt(pictures.modules[name], about) if name in pictures.modules else None,
        # A claim is told beside the first experiment that it needs, and named beside the others.
        "claims": [(item, one.todo(item.verdict)) for item in run if item.verdict.claim.needs[0] == name],
        "also": [item.verdict for item in run if name in item.verdict.claim.needs[1:]],
        "facts": _facts(about),
    }


def summary(one: ClaimResults) -> str:
    """How many claims came to each verdict, in a sentence."""
    words = Counter(verdict.word for verdict in one.verdicts)
    return ", ".join(f"{words[word]} {word}" for word in get_args(Word)) + "."


def facts(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Where an experiment's records come from, as names and values."""
    made, provenance = about.get("records", {}), about["provenance"]
    seconds = made.get("seconds")  # none of measurements alone
    height, width, channels = about["image_shape"]
    first = about["config"]["base"]["seed"]
    seeds = range(first, first + about["config"]["seeds"])
    packages = ("jax",)
    if made.get("jax") in (None, [provenance.get("jax")]):
        # Stated by the command that last asked for the records: theirs, where that had the same JAX.
        packages = ("python", "jax", "jaxlib", "flax", "optax", "numpy")
    # The records may be older than the command that last asked for them: where they say so, theirs counts.
    known = {**provenance, **{name: ", ".join(made[name]) for name in HOW if name in made}}
    return [
        (
            "data",
            f"{about['data']}, {about['train_images']:,} training images of {height}x{width}x{channels}",
        ),
        ("preset", about["preset"]),
        ("seeds", ", ".join(map(str, seeds))),
        ("records", f"{len(about['runs'])} runs, {len(about['measurements'])} measurements"),
        ("versions", ", ".join(f"{name} {known[name]}" for name in packages if name in known)),
        ("hardware", f"{known['device']} ({known['processor']})"),
        ("git revision", known["revision"]),
        ("wall time", f"{seconds:,.0f} s, the runs' added up" if seconds else "not recorded"),
        ("command", about["command"]),
    ]


def _facts(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    try:
        return facts(about)
    except (
        KeyError,
        TypeError,
        AttributeError,
    ) as error:  # records of a version that said less of themselves
        return [("records", f"do not say where they are from: {type(error).__name__}: {error}")]


def _picture(name: str, folder: Path, redraw: bool) -> Picture:
    """`_try_image`, in a process of its own."""
    return _try_image(name, discover()[name], folder, redraw)


def _try_image(name: str, module: ModuleType, folder: Path, redraw: bool = False) -> Picture:
    try:
        return _image(name, module, folder, redraw), None
    except InvalidInput as error:
        return None, str(error)
    except Exception as error:  # one figure's trouble must not take the page with it
        return None, f"{type(error).__name__}: {error}"


def _image(name: str, module: ModuleType, folder: Path, redraw: bool) -> Markup:
    """The figure as an SVG in a data URL, sharp at every size; drawn anew, also as its own files."""
    file = io.StringIO()
    # Text as outlines: the page must look alike where the font is not. The salt makes ids repeatable.
    with plt.rc_context({**house_style(), "svg.fonttype": "path", "svg.hashsalt": name}):  # pyright: ignore[reportArgumentType]
        drawn = _drawing.picture(name, module.draw, folder)
        if redraw:
            _drawing.write(drawn, name, folder)
        drawn.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(drawn)
    # Nothing in it ends the attribute that it stands in, or is read as HTML.
    return Markup("data:image/svg+xml," + quote(slim(file.getvalue()), safe=" !$'()*+,-./:;=?@[]^_`{|}~"))


def slim(svg: str) -> str:
    """The same picture in fewer characters: places to a hundredth of a point, no comments, short names."""
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<\?xml.*?\?>|<!DOCTYPE.*?>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg).replace("DejaVuSans-", "D")

    def shorter(place: re.Match[str]) -> str:
        text = re.sub(r"-?\d+\.\d+", lambda one: f"{float(one[0]):.2f}".rstrip("0").rstrip("."), place[0])
        return re.sub(r"(?<!^)\s*([A-Zz\s])\s*", r"\1", text)

    svg = re.sub(r' (?:d|x|y)="[^"]*"|translate\([^)]*\)', shorter, svg).replace('"', "'")
    return re.sub(r">\s+<", "><", svg).strip()


def _alt(module: ModuleType, about: Mapping[str, Any]) -> str:
    """What the figure shows, as its module's first line has it, and of what data."""
    first = (module.__doc__ or module.__name__).strip().splitlines()[0].rstrip(".")
    return f"{first}. Data: {about['data']}, preset {about['preset']}."


def _read_published(folder: Path) -> list[ClaimResults]:
    """What there is to compare with; where nothing is, one's own is reported all the same."""
    try:
        return answers(folder)
    except InvalidInput as error:
        print(f"nothing to compare with: {error}", file=sys.stderr)
        return []


def _save(one: ClaimResults, options: ReportOptions) -> None:
    """The verdicts beside their records; where these are read-only a page can be written elsewhere."""
    try:
        save(one, options.source / one.label)
    except OSError as error:
        why = f"must be a folder that can be written to ({error.strerror})"
        if options.out is None:
            raise InvalidInput(
                "figures", str(options.source), f"{why}; --out PAGE writes elsewhere"
            ) from error
        print(f"{options.source / one.label}: no claims.json is written: {why}", file=sys.stderr)


def main() -> None:
    """Write the page, save the verdicts beside their records, print both."""
    options = parse(ReportOptions, "analysis.report", __doc__)
    pictures = Pictures()
    with pictures.ahead(options.source, options.label):
        write(options, answers(options.source, options.label), pictures)


def write(options: ReportOptions, given: Sequence[ClaimResults], pictures: Pictures) -> None:
    """Write the page and save the verdicts beside their records; print these, where they are one's own."""
    own = options.source.resolve() != options.published.resolve()
    published = _read_published(options.published) if own else []
    for one in given:
        _save(one, options)
    out = options.out or options.source / "report.html"
    write_text("out", out, page(given, options.source, published, pictures))
    if own:
        compare(given, published, Console())
    print(f"report: {out}")


if __name__ == "__main__":
    exit_with(main)
