"""More of a result that there is: the seeds that its open claims want, or experiments that it lacks.

    python -m experiments.more --label quick                           the seeds that its open claims want
    python -m experiments.more --label quick --only lr_sweep --seeds 5  an experiment at 5 seeds in all
    python -m experiments.more --label quick --only memory              one that it lacks, on the same images

Everything else is as the label's records say that it was: the config is read from beside them, and what was
changed in one experiment's base run is changed in another's. `--data` says where the images are now, if they
have moved; others are refused. Which seeds open claims want,
`python -m analysis.report` writes beside the records. Look once: each further look adds to the chance of a
mistake.
"""

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from commandline import exit_with, parse
from experiments import discover
from experiments._command import Job, RunOptions, resume_hint
from experiments._experiment import Experiment
from research.errors import InvalidInput, require
from research.records.identity import restored
from research.seeds import CONFIRMATION_FROM


@dataclass(frozen=True)
class More:
    """What to run more of.

    Attributes:
        only: names of experiments; none: those whose seeds are wanted.
        seeds: how many in all; None: as many as are wanted, or as the preset has.
        figures: folder that `python -m analysis.all` collected the records in. Default: figures/ in the
            results folder.
    """

    options: Annotated[RunOptions, tyro.conf.arg(name="")]
    only: tuple[str, ...] = ()
    seeds: int | None = None
    figures: Path | None = None


def choose(arguments: Sequence[str]) -> tuple[dict[str, Experiment], RunOptions]:
    """Parse the command line, and read what the label's experiments were.

    Raises:
        InvalidInput: there is no such label, no such experiment, or nothing that its claims want.
    """
    more = parse(More, "experiments.more", __doc__, arguments, More(RunOptions()))
    label, found = more.options.label, discover()
    require(label is not None, "label", label, "must name the result that there is to be more of")
    folder = (more.figures or more.options.results / "figures") / str(label)
    abouts = _abouts(folder)
    for name in more.only:
        require(name in found, "only", name, f"must be among {', '.join(found)}")
    explores = all(about["config"]["base"]["seed"] < CONFIRMATION_FROM for about in abouts.values())
    require(
        explores or bool(more.only), "label", label, "confirms: how many seeds it has was fixed beforehand"
    )
    wanted = wanted_seeds(folder)
    names = more.only or tuple(wanted)
    require(bool(names), "label", label, "no open claim of it would be settled by more seeds")
    presets = {about["preset"] for about in abouts.values()}
    require(
        len(presets) == 1, "label", label, f"holds records of several presets: {', '.join(sorted(presets))}"
    )
    (preset,) = presets
    experiments = {}
    for name in names:
        require(preset in found[name], "only", name, f"has no preset {preset}")
        experiment = like(name, found, abouts, preset)
        seeds = wanted.get(name) if more.seeds is None else more.seeds
        experiments[name] = experiment if seeds is None else replace(experiment, seeds=seeds)
    return experiments, replace(more.options, preset=preset)


def like(
    name: str,
    found: Mapping[str, Mapping[str, Experiment]],
    abouts: Mapping[str, Mapping[str, Any]],
    preset: str,
) -> Experiment:
    """An experiment as it was run, or as one that was not run would have been beside another that was.

    Args:
        name: the experiment.
        found: every experiment's presets.
        abouts: what is known of those that were run.
        preset: that they were run at.
    """
    if name in abouts:
        return restored(type(found[name][preset]), abouts[name]["config"])
    other = next(one for one in abouts if one in found)
    base, usual = like(other, found, abouts, preset).base, found[other][preset].base
    changed = {
        field.name: getattr(base, field.name)
        for field in fields(base)
        if getattr(base, field.name) != getattr(usual, field.name)
    }
    return replace(found[name][preset], base=replace(found[name][preset].base, **changed))


def wanted_seeds(folder: Path) -> dict[str, int]:
    """By experiment, the most seeds in all that any open claim of a label wants.

    Args:
        folder: of the label; `python -m analysis.report` writes its claims.json. Where it did not: none.
    """
    try:
        rows = json.loads((folder / "claims.json").read_text())
        wanted: dict[str, int] = {}
        for row in rows:
            for name in row["needs"] if row["seeds_needed"] else ():
                wanted[name] = max(wanted.get(name, 0), row["seeds_needed"])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        again = "python -m analysis.report writes it again"
        raise InvalidInput(
            "label", folder.name, f"{folder / 'claims.json'} cannot be read; {again}"
        ) from error
    return wanted


def _abouts(folder: Path) -> dict[str, dict[str, Any]]:
    """By experiment, what its records are."""
    found = {}
    for path in sorted(folder.glob("*.parquet")):
        try:
            about = json.loads(path.with_suffix(".json").read_text())
            found[path.stem] = {"preset": about["preset"], "config": about["config"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InvalidInput("label", folder.name, f"{path.with_suffix('.json')} cannot be read") from error
    require(
        bool(found), "label", folder.name, f"{folder} has no records; python -m analysis.all collects them"
    )
    return found


def main() -> None:
    """Run what is chosen, and say how to look at it."""
    arguments = tuple(sys.argv[1:])
    experiments, options = choose(arguments)
    from experiments._run import run_all  # `--help` waits for nothing that trains

    run_all(experiments, options, Job("more", arguments))
    folder = [] if options.results == RunOptions.results else ["--results", str(options.results)]
    draw = shlex.join(["python", "-m", "analysis.all", "--label", str(options.label), *folder])
    show = shlex.join(["python", "-m", "analysis.report", *folder])
    print(f"to see what it comes to:\n  {draw} && {show}")


if __name__ == "__main__":
    exit_with(main, resume_hint())
