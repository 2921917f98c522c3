"""One page with everything: the claims with their verdicts, the figures beside them, and where both are from.

python -m analysis.report                writes paper_figures/report.html and prints the claims
python -m analysis.report --label quick  of one label

The page is one file that needs no network and no JavaScript. Every label has a section and its own figures:
records of different data or presets are never in one figure.
"""

import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, get_args
from urllib.parse import quote

import jinja2
import matplotlib.pyplot as plt
from markupsafe import Markup
from rich.console import Console

from analysis import _manifest, _publish, discover
from analysis._style import house_style
from analysis.claims import Claim, Verdict, in_order
from analysis.claims.__main__ import effect, show
from analysis.claims._published import ClaimResults, answers, never_asked, save
from analysis.claims._verdict import Word
from commandline import exit_with, parse

HOW = ("jax", "device", "processor", "revision")  # what records say themselves of how they were made
TEMPLATE = Path(__file__).with_name("report.html.jinja")


@dataclass(frozen=True)
class Options:
    """Which records to report on.

    Attributes:
        label: which result; None: all that there are.
        figures: folder that `python -m analysis.all` collected the records in.
        out: the page; None: report.html in `figures`.
    """

    label: str | None = None
    figures: Path = Path("paper_figures")
    out: Path | None = None


def page(given: Sequence[ClaimResults], figures: Path) -> str:
    """The report's HTML."""
    loader = jinja2.FileSystemLoader(TEMPLATE.parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    environment.globals["effect"] = effect
    modules = discover()
    rest = [(verdict, command.split(" && ")) for verdict, command in never_asked(given)]
    return environment.get_template(TEMPLATE.name).render(
        titles=_titles(given),
        overview=_overview(given, [verdict for verdict, _ in rest]),
        sections=[_section(one, figures, modules) for one in given],
        rest=rest,
    )


def _titles(given: Sequence[ClaimResults]) -> dict[str, str]:
    """Each label's preset and data; with the label, where another's are the same."""
    often = Counter(one.title for one in given)
    return {one.label: one.title if often[one.title] == 1 else f"{one.title} ({one.label})" for one in given}


def _overview(
    given: Sequence[ClaimResults], rest: Sequence[Verdict]
) -> list[tuple[Claim, list[tuple[str, Verdict | None]]]]:
    """Each claim with its verdict for each label; None: it is not asked of that one."""
    found = {one.label: {verdict.claim.id: verdict for verdict in one.verdicts} for one in given}
    claims = {verdict.claim.id: verdict.claim for one in given for verdict in one.verdicts}
    claims |= {verdict.claim.id: verdict.claim for verdict in rest}
    return [
        (claim, [(label, verdicts.get(name)) for label, verdicts in found.items()])
        for name, claim in sorted(claims.items(), key=lambda item: in_order(item[0]))
    ]


def _section(one: ClaimResults, figures: Path, modules: Mapping[str, ModuleType]) -> dict[str, Any]:
    abouts = one.evidence.abouts
    stale = _manifest.stale(figures / one.label)
    asked = [verdict for verdict in one.verdicts if verdict.word != "not run"]
    shown = [
        {
            "name": name,
            "stale": stale.get(name),
            "image": _image(name, modules[name], figures / one.label) if name in modules else None,
            "alt": _alt(modules[name], about) if name in modules else None,
            # A claim is told beside the first experiment that it needs, and named beside the others.
            "claims": [(item, one.todo(item)) for item in asked if item.claim.needs[0] == name],
            "also": [item for item in asked if name in item.claim.needs[1:]],
            "facts": facts(about),
        }
        for name, about in abouts.items()
    ]
    not_run = [verdict for verdict in one.verdicts if verdict.word == "not run"]
    commands: dict[str, list[str]] = {}
    for verdict in not_run:
        for command in one.todo(verdict):
            commands.setdefault(command, []).append(verdict.claim.id)
    return {
        "label": one.label,
        "title": one.title,
        "mixed": len({(about["data"], about["preset"]) for about in abouts.values()}) > 1,
        "smoke": any(about["preset"] == "smoke" for about in abouts.values()),
        "summary": summary(one),
        "experiments": shown,
        "not_run": [verdict.claim.id for verdict in not_run],
        "commands": commands,
        "hindered": [verdict for verdict in not_run if not one.todo(verdict)],
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


def _image(name: str, module: ModuleType, folder: Path) -> Markup:
    """The figure as an SVG in a data URL: sharp at every size."""
    file = io.StringIO()
    # Text as outlines: the page must look alike where the font is not. The salt makes ids repeatable.
    with plt.rc_context({**house_style(), "svg.fonttype": "path", "svg.hashsalt": name}):  # pyright: ignore[reportArgumentType]
        drawn = _publish.picture(name, module.draw, folder)
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


def main() -> None:
    """Write the page, save the verdicts beside their records, print both."""
    options = parse(Options, "analysis.report", __doc__)
    given = answers(options.figures, options.label)
    for one in given:
        save(one, options.figures / one.label)
    out = options.out or options.figures / "report.html"
    out.write_text(page(given, options.figures), encoding="utf-8")
    show(given, Console())
    print(f"report: {out}")


if __name__ == "__main__":
    exit_with(main)
