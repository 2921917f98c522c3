"""The command line that every experiment has. `experiments._run` carries out what it asks for.

What trains and measures is imported when there is something to do: `--help` waits for none of it.
"""

import importlib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from commandline import exit_with, families_in_words, parse, spelled, with_members
from experiments._experiment import Experiment
from research.errors import InvalidInput, require
from research.family import differing, value_at, with_value
from research.machine import MOST_HOST_DEVICES
from research.records.provenance import command, set_command
from research.sweeps.slurm import Slurm
from research.training.config import RunConfig

CHECKPOINT_EVERY = {"smoke": 0, "quick": 0, "desk": 0, "paper": 5}  # epochs; a miniature's run takes seconds


@dataclass(frozen=True)
class RunOptions:
    """Which size, on which data, and where the records go.

    Attributes:
        preset: smoke (seconds), quick (minutes on two cores), desk (the article's images, batches and subsets
            with a network that two cores carry), or paper (the article's sizes); both CIFAR-10. The defaults
            of the other options are those of the chosen preset.
        data: instead of the preset's data: synthetic, digits, mnist, cifar10, cifar100, tfds:NAME, or a path:
            an .npz file, a folder of images by class, or what else docs/data.md lists.
        results: folder of the records. The same command again does only what is missing there.
        label: names the result for `analysis`. Default: the preset, with the data where that was changed, and
            "confirm" where the seeds are.
        seeds_from: the first seed, in place of the preset's. Seeds below 100 are for exploration, on which
            presets and rules are chosen; those from 100 on for confirmation. A label has one kind of them.
        data_parallel: devices that share one run's batch; the rest of the devices train other runs.
        runs_per_device: runs that a GPU trains at once, in one program: a miniature by itself leaves most of
            it idle. 1 on a CPU.
        tensorboard: also write the runs' curves there as event files, a folder for each run.
        wandb: also log the runs to Weights & Biases, where installed; WANDB_MODE=offline keeps them here.
        host_devices: on a CPU, how many devices to split the cores into, each of which trains a run. Default:
            as many as there are cores to use, fewer where there are fewer runs or there is little memory.
        checkpoint_every: epochs after which an unfinished run's state is kept on disk, to go on from there;
            0: never. Default: 5 for paper, whose runs are long, and 0 for the miniatures.
        launcher: here, or slurm: submit what is missing as a job array.
        slurm: how its jobs are asked for.
        processes: that train each run together, one on each host; start the same command in all of them.
        coordinator: HOST:PORT of the first of them; needed outside Slurm, where JAX does not find it itself.
        process_id: which of them this is, from 0; needed outside Slurm.
        dry_run: write nothing: only say how many runs and measurements there are, how many of them are done,
            and about how long the rest takes here.
        compilation_cache: keep compiled programs in the user's cache folder, so that the next command need
            not compile them; JAX_COMPILATION_CACHE_DIR names another folder.
    """

    preset: Literal["smoke", "quick", "desk", "paper"] = "quick"
    data: str | None = None
    results: Path = Path("results")
    label: str | None = None
    seeds_from: int | None = None
    data_parallel: int = 1
    runs_per_device: int = 1
    tensorboard: Path | None = None
    wandb: bool = False
    host_devices: int | None = None
    checkpoint_every: int | None = None
    launcher: Literal["here", "slurm"] = "here"
    slurm: Slurm = field(default_factory=Slurm)
    processes: int = 1
    coordinator: str | None = None
    process_id: int | None = None
    dry_run: bool = False
    compilation_cache: bool = True

    def __post_init__(self):
        require(self.data_parallel >= 1, "data_parallel", self.data_parallel, "must be at least 1")
        require(self.runs_per_device >= 1, "runs_per_device", self.runs_per_device, "must be at least 1")
        require(
            self.data != "",
            "data",
            self.data,
            "must name a data set or a path; leave it out for the preset's",
        )
        require(
            self.host_devices is None or 1 <= self.host_devices <= MOST_HOST_DEVICES,
            "host_devices",
            self.host_devices,
            f"must be in 1 .. {MOST_HOST_DEVICES}",
        )
        require(
            self.label is None or re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", self.label) is not None,
            "label",
            self.label,
            "must be letters, digits, dots, dashes and underscores, at most 100 of them",
        )
        require(
            self.label is None or not self.label.lower().endswith((".html", ".json")),
            "label",
            self.label,
            "must not end in .html or .json: files beside its folder do, the report among them",
        )
        first = self.seeds_from
        require(first is None or first >= 0, "seeds_from", first, "must not be negative")
        every = self.checkpoint_every
        require(every is None or every >= 0, "checkpoint_every", every, "must not be negative")
        self._check_processes()

    def _check_processes(self) -> None:
        require(self.processes >= 1, "processes", self.processes, "must be at least 1")
        require(
            self.processes == 1 or self.launcher == "here",
            "processes",
            self.processes,
            "cannot be combined with launcher slurm; start the command with srun",
        )
        require(
            self.coordinator is None or re.fullmatch(r"[^\s:]+:\d{1,5}", self.coordinator) is not None,
            "coordinator",
            self.coordinator,
            "must be HOST:PORT",
        )
        require(
            (self.coordinator is None) == (self.process_id is None),
            "process_id",
            self.process_id,
            "is given if, and only if, coordinator is",
        )
        require(
            self.process_id is None or 0 <= self.process_id < self.processes,
            "process_id",
            self.process_id,
            f"must be in 0 .. {self.processes - 1}",
        )

    def interval(self) -> int:
        """Epochs between the checkpoints of an unfinished run; 0: none."""
        return CHECKPOINT_EVERY[self.preset] if self.checkpoint_every is None else self.checkpoint_every


def run_experiment(
    presets: Mapping[str, Experiment],
    description: str | None,
    name: str | None = None,
    arguments: Sequence[str] | None = None,
) -> None:
    """The `main` of an experiment's module: parse, carry out, exit.

    Args:
        name: the experiment's; None: that of the module being run.
        arguments: the command line's; None: this process's.
    """
    name = name or sys.modules["__main__"].__spec__.name.rpartition(".")[2]  # type: ignore[union-attr]
    arguments = sys.argv[1:] if arguments is None else arguments

    def main() -> None:
        chosen, options = choose(presets, description, name, arguments)
        from experiments._run import run_all

        run_all(chosen, options, Job(name, tuple(arguments)))

    exit_with(main, resume_hint())


def choose(
    presets: Mapping[str, Experiment], description: str | None, name: str, arguments: Sequence[str]
) -> tuple[dict[str, Experiment], RunOptions]:
    """Parse an experiment's command line."""
    preset = _preset_of(arguments)
    require(preset in presets, "preset", preset, f"must be one of {', '.join(presets)}")
    experiment, arguments = with_members(presets[preset], arguments)
    description = (description or "") + families_in_words(experiment)
    experiment_type = type(experiment)

    @dataclass(frozen=True)
    class Command:
        options: Annotated[RunOptions, tyro.conf.arg(name="")]
        experiment: Annotated[experiment_type, tyro.conf.arg(name="")]  # type: ignore[valid-type]

    default = Command(RunOptions(preset=preset), experiment)  # type: ignore[arg-type]
    chosen = parse(Command, f"experiments.{name}", description, arguments, default)
    _require_heeded(presets[preset], chosen.experiment, name)
    return {name: chosen.experiment}, chosen.options


def _require_heeded(usual: Experiment, experiment: Experiment, name: str) -> None:
    """Refuse a field of the base that the experiment sets itself, and would pass over.

    Where it does so in some of its runs alone, they would no longer be those that the others are compared
    with, unless the experiment says that they are (`Experiment.partly`).

    Args:
        usual: the experiment as the preset has it.
    """
    for path in differing(usual.base, experiment.base):
        try:
            without = replace(experiment, base=_with_usual(experiment.base, usual.base, path))
            pairs = zip_longest(without.runs(), experiment.runs())
            passed_over = [before == after for before, after in pairs]
            meant = any(path == one or path.startswith(f"{one}.") for one in experiment.partly)
            heeded = not any(passed_over) or meant
            if all(passed_over):
                heeded = [*without.measurements()] != [*experiment.measurements()]
        except InvalidInput:  # the others need it
            continue
        allowed = f"{name} sets it itself, in {'all' if all(passed_over) else 'some'} of its runs"
        value = spelled(value_at(experiment.base, path))
        require(heeded, f"base.{path}", value, f"{allowed}: see its other options")


def _with_usual(base: RunConfig, usual: RunConfig, path: str) -> RunConfig:
    """The base with the usual value at a path; or, where that cannot be by itself, in all that it is part of.

    A schedule's knots are no schedule with the values of another one.
    """
    try:
        return with_value(base, path, value_at(usual, path))
    except InvalidInput:
        of = path.rpartition(".")[0]
        if not of:
            raise
        return _with_usual(base, usual, of)


@dataclass(frozen=True)
class Job:
    """Some of the runs that a command line asks for: what one job of a Slurm array does.

    Attributes:
        module: of `experiments`, whose command line it is.
        arguments: of that command line.
        command: the whole of it, as the user typed it.
        only: identities of the runs; None: all of them.
    """

    module: str
    arguments: tuple[str, ...]
    command: str = ""
    only: frozenset[str] | None = None

    def __call__(self) -> None:
        """Train these runs, in a process that Slurm started."""
        set_command(self.command)
        module = importlib.import_module(f"experiments.{self.module}")
        if hasattr(module, "PRESETS"):
            experiments, options = choose(module.PRESETS, module.__doc__, self.module, self.arguments)
        else:
            experiments, options = module.choose(self.arguments)
        from experiments._run import run_all

        run_all(experiments, replace(options, launcher="here"), self)

    def checkpoint(self) -> Any:
        """What submitit puts into the queue again: the same, which goes on from what is on disk."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def resume_hint() -> str:
    """What is said when Ctrl-C stops a command."""
    return f"interrupted: what was finished is kept; resume with\n  {command()}"


def _preset_of(arguments: Sequence[str]) -> str:
    """The preset decides the other options' defaults, so it is needed before they can be parsed."""
    for index, argument in enumerate(arguments):
        if argument == "--preset" and index + 1 < len(arguments):
            return arguments[index + 1]
        if argument.startswith("--preset="):
            return argument.partition("=")[2]
    return RunOptions.preset
