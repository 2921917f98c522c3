"""Two results side by side, claim by claim: does any verdict differ?

    python -m analysis.compare results results-8            two folders of results, label by label
    python -m analysis.compare results/figures/quick results/figures/quick-again    two labels

Exit status 1 where a verdict differs, or is there on one side alone; effects that differ beyond their
intervals are marked. A verdict that flips between processors, whose kernels add in another order, is none:

    FORGETTING_KERNEL_LANES=8 make reproduce RESULTS=results-8
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from analysis.claims._published import ClaimResults, answers, counterpart
from analysis.claims._show import compare
from commandline import exit_with, parse
from research.errors import require


@dataclass(frozen=True)
class CompareOptions:
    """What is compared.

    Attributes:
        one: a folder of results or of figures, or a label's folder in it; `python -m analysis.all` collected
            its records.
        other: likewise.
    """

    one: tyro.conf.Positional[Path]
    other: tyro.conf.Positional[Path]


def read(folder: Path) -> list[ClaimResults]:
    """The verdicts of every label in a folder of results or of figures; of one, where it is a label's folder.

    Raises:
        InvalidInput: there are none.
    """
    if any(folder.glob("*.parquet")):
        return answers(folder.parent, folder.name)
    return answers(folder / "figures" if (folder / "figures").is_dir() else folder)


def differences(one: ClaimResults, other: ClaimResults) -> list[str]:
    """The claims whose verdicts differ, or that only one of the two has a verdict on."""
    words = [
        {verdict.claim.id: verdict.word for verdict in of.verdicts if verdict.word != "not run"}
        for of in (one, other)
    ]
    return [name for name in words[0] | words[1] if words[0].get(name) != words[1].get(name)]


def pairs(
    some: Sequence[ClaimResults], others: Sequence[ClaimResults]
) -> list[tuple[ClaimResults, ClaimResults]]:
    """The results on both sides that are of the same preset and data.

    Raises:
        InvalidInput: one on either side has no counterpart.
    """
    for here, there in ((some, others), (others, some)):
        for one in here:
            alike = counterpart(one, there)
            require(alike is not None, "label", one.label, f"is {one.title}, which the other side is not")
    return [(one, other) for one in some if (other := counterpart(one, others))]


def run(options: CompareOptions, console: Console) -> list[str]:
    """Show both sides; returns the claims on which they differ, each after its label."""
    some, others = read(options.one), read(options.other)
    found = pairs(some, others)
    compare(some, others, console, (f"in {options.one}", f"in {options.other}"))
    return [f"{one.label}/{name}" for one, other in found for name in differences(one, other)]


def main() -> None:
    """Show both, and say by the exit status whether they agree."""
    differing = run(parse(CompareOptions, "analysis.compare", __doc__), Console())
    if differing:
        print(f"verdicts that differ: {', '.join(differing)}")
        sys.exit(1)
    print("no verdict differs")


if __name__ == "__main__":
    exit_with(main)
