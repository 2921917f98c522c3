"""Every experiment that the preset contains, one after the other.

A run that two of them need is trained once.

python -m experiments.all                                  the whole paper in miniature
python -m experiments.all --preset paper --data cifar10.npz
python -m experiments.all --group batch                    the batch-size studies (docs/batch_size.md)
python -m experiments.all --only lr_sweep forgetting --seeds 5
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import tyro

from commandline import exit_with, parse
from experiments import PAPER_GROUP, discover, groups
from experiments._command import Options, Part, carry_out, go_on, prepare
from experiments._experiment import Experiment
from research.errors import require


@dataclass(frozen=True)
class All:
    """What to run.

    Attributes:
        seeds: seeds of each point; None: as many as each experiment's preset has.
        only: names of experiments; none: all of the group.
        group: paper, the article's experiments; batch, the batch-size studies; all.
    """

    options: Annotated[Options, tyro.conf.arg(name="")]
    seeds: int | None = None
    only: tuple[str, ...] = ()
    group: str = PAPER_GROUP


def choose(arguments: Sequence[str]) -> tuple[dict[str, Experiment], Options]:
    """Parse the command line."""
    chosen = parse(All, "experiments.all", __doc__, arguments, All(Options()))
    preset, found = chosen.options.preset, discover()
    for name in chosen.only:
        require(name in found, "only", name, f"must be among {', '.join(found)}")
    allowed = (*groups(), "all")
    require(chosen.group in allowed, "group", chosen.group, f"must be among {', '.join(allowed)}")
    wanted = chosen.only or discover(None if chosen.group == "all" else chosen.group)
    experiments = {
        name: presets[preset] if chosen.seeds is None else replace(presets[preset], seeds=chosen.seeds)
        for name, presets in found.items()
        if preset in presets and name in wanted
    }
    return experiments, chosen.options


def main() -> None:
    """Parse the command line and carry the experiments out."""
    experiments, options = choose(sys.argv[1:])
    prepare(options)
    carry_out(experiments, options, Part("all", tuple(sys.argv[1:])))


if __name__ == "__main__":
    exit_with(main, go_on())
