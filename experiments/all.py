"""Every experiment of a group, or of several, one after the other.

A run that two of them need is trained once.

python -m experiments.all                                  the whole paper in miniature
python -m experiments.all --preset paper --data cifar10.npz
python -m experiments.all --group limit                    what limits the learning rate (docs/limit.md)
python -m experiments.all --group measures batch           other measures, the batch-size studies (docs/)
python -m experiments.all --only lr_sweep forgetting --seeds 5
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import tyro

from commandline import exit_with, parse
from experiments import ARTICLE, discover, group_of, groups
from experiments._command import Job, RunOptions, resume_hint
from experiments._experiment import Experiment
from research.errors import require


@dataclass(frozen=True)
class All:
    """What to run.

    Attributes:
        seeds: seeds of each point; None: as many as each experiment's preset has.
        only: names of experiments; none: all of the groups.
        group: article, its own experiments and what stops a step; limit, the battery that asks what limits
            the learning rate, the longest; measures, curvature and forgetting in other ways; batch, the
            batch-size studies; or all. Several may be named.
    """

    options: Annotated[RunOptions, tyro.conf.arg(name="")]
    seeds: int | None = None
    only: tuple[str, ...] = ()
    group: tuple[str, ...] = (ARTICLE,)


def choose(arguments: Sequence[str]) -> tuple[dict[str, Experiment], RunOptions]:
    """Parse the command line."""
    chosen = parse(All, "experiments.all", __doc__, arguments, All(RunOptions()))
    preset, found = chosen.options.preset, discover()
    for name in chosen.only:
        require(name in found, "only", name, f"must be among {', '.join(found)}")
    allowed = (*groups(), "all")
    require(len(chosen.group) >= 1, "group", "none", f"must be among {', '.join(allowed)}")
    for group in chosen.group:
        require(group in allowed, "group", group, f"must be among {', '.join(allowed)}")
    wanted = chosen.only or [name for name in found if {"all", group_of(name)} & set(chosen.group)]
    experiments = {
        name: presets[preset] if chosen.seeds is None else replace(presets[preset], seeds=chosen.seeds)
        for name, presets in found.items()
        if preset in presets and name in wanted
    }
    return experiments, chosen.options


def main() -> None:
    """Parse the command line and carry the experiments out."""
    experiments, options = choose(sys.argv[1:])
    from experiments._run import run_all  # `--help` waits for nothing that trains

    run_all(experiments, options, Job("all", tuple(sys.argv[1:])))


if __name__ == "__main__":
    exit_with(main, resume_hint())
