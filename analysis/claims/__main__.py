"""The table of claims, from records that were collected.

python -m analysis.claims                           your own, every label in results/figures/
python -m analysis.claims --figures paper_figures   the published ones
"""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from analysis.claims._published import OWN, answers
from analysis.claims._show import show
from commandline import exit_with, parse


@dataclass(frozen=True)
class ClaimsOptions:
    """Which records to evaluate.

    Attributes:
        label: which result; None: all that there are.
        only: ids of claims; none: all of them.
        figures: folder that `python -m analysis.all` collected the records in.
    """

    label: str | None = None
    only: tuple[str, ...] = ()
    figures: Path = OWN


def main() -> None:
    """Evaluate, and show."""
    options = parse(ClaimsOptions, "analysis.claims", __doc__)
    show(answers(options.figures, options.label, options.only), Console(), everything=not options.only)


if __name__ == "__main__":
    exit_with(main)
