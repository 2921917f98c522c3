"""One page with everything: the claims with their verdicts, the figures beside them, and where both are from.

python -m analysis.report                writes paper_figures/report.html and prints the claims
python -m analysis.report --label quick  of one label

The page is one file that needs no network and no JavaScript. Every label has a section and its own figures:
records of different data or presets are never in one figure.
"""

import base64
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import jinja2
import matplotlib.pyplot as plt
from rich.console import Console

from analysis import _manifest, _publish, discover
from analysis._style import house_style
from analysis.claims.__main__ import effect, show
from analysis.claims._published import Answers, answers, never_asked, save
from analysis.claims._verdict import Word
from commandline import exit_with, parse

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


def page(given: Sequence[Answers], figures: Path) -> str:
    """The report's HTML."""
    loader = jinja2.FileSystemLoader(TEMPLATE.parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    environment.globals["effect"] = effect
    modules = discover()
    rest = [(verdict, command.split(" && ")) for verdict, command in never_asked(given)]
    return environment.get_template(TEMPLATE.name).render(
        sections=[_section(one, figures, modules) for one in given], rest=rest
    )


def _section(one: Answers, figures: Path, modules: Mapping[str, ModuleType]) -> dict[str, Any]:
    abouts = one.evidence.abouts
    stale = _manifest.stale(figures / one.label)
    shown = [
        {
            "name": name,
            "stale": stale.get(name),
            "image": _image(name, modules[name], figures / one.label) if name in modules else None,
            "alt": _alt(modules[name], about) if name in modules else None,
            "bears_on": [verdict for verdict in one.verdicts if name in verdict.claim.needs],
            "facts": facts(about),
        }
        for name, about in abouts.items()
    ]
    return {
        "label": one.label,
        "title": one.title,
        "preset": next(iter(abouts.values()))["preset"],
        "summary": summary(one),
        "verdicts": [(verdict, one.todo(verdict)) for verdict in one.verdicts],
        "experiments": shown,
    }


def summary(one: Answers) -> str:
    """How many claims came to each verdict, in a sentence."""
    words = Counter(verdict.word for verdict in one.verdicts)
    return ", ".join(f"{words[word]} {word}" for word in get_args(Word)) + "."


def facts(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Where an experiment's records come from, as names and values."""
    made, provenance = about.get("records", {}), about["provenance"]
    height, width, channels = about["image_shape"]
    first = about["config"]["base"]["seed"]
    seeds = range(first, first + about["config"]["seeds"])
    packages = ("python", "jax", "jaxlib", "flax", "optax", "numpy")
    return [
        (
            "data",
            f"{about['data']}, {about['train_images']:,} training images of {height}x{width}x{channels}",
        ),
        ("preset", about["preset"]),
        ("seeds", ", ".join(map(str, seeds))),
        ("runs", str(len(about["runs"]))),
        ("versions", ", ".join(f"{name} {provenance[name]}" for name in packages if name in provenance)),
        ("hardware", f"{provenance['device']} ({provenance['processor']})"),
        ("revision", ", ".join(made.get("revision", [provenance["revision"]]))),
        ("time", f"{made['seconds']:,.0f} s, the runs' added up" if made else "not recorded"),
        ("command", about["command"]),
    ]


def _image(name: str, module: ModuleType, folder: Path) -> str:
    """The figure as SVG in base64: sharp at every size."""
    file = io.BytesIO()
    # Text as outlines: the page must look alike where the font is not. The salt makes ids repeatable.
    with plt.rc_context({**house_style(), "svg.fonttype": "path", "svg.hashsalt": name}):  # pyright: ignore[reportArgumentType]
        drawn = _publish.picture(name, module.draw, folder)
        drawn.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(drawn)
    return base64.b64encode(file.getvalue()).decode()


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
