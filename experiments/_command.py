"""The command line that every experiment has, and how an experiment is carried out."""

import importlib
import os
import re
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from commandline import exit_with, families_in_words, parse, with_members
from experiments._experiment import Experiment
from experiments._export import require_wandb, to_tensorboard, to_wandb
from experiments._progress import Progress, work_of
from experiments._stop import Stop
from research import data
from research.errors import require, require_folder
from research.measures.measurement import bind_measurement, states_to_keep
from research.records.checkpoints import ResumeStore
from research.records.identity import canonical, identity
from research.records.provenance import command, provenance, set_command
from research.records.store import Store
from research.sweeps import distributed as hosts
from research.sweeps.measure import MeasurementSummary, measure_missing
from research.sweeps.slurm import Slurm, in_the_queue, require_slurm, submit
from research.sweeps.sweep import in_pieces, missing, sweep
from research.training.config import RunConfig, bind
from research.training.sharding import use_host_devices

CHECKPOINT_EVERY = {"smoke": 0, "quick": 0, "paper": 5}  # epochs; a miniature's run takes seconds


@dataclass(frozen=True)
class Options:
    """Which size, on which data, and where the records go.

    Attributes:
        preset: smoke (seconds), quick (minutes on two cores), or paper (the article's sizes, CIFAR-10). The
            defaults of the other options are those of the chosen preset.
        data: instead of the preset's data: synthetic, digits, cifar10, cifar100, mnist, or a path to an .npz.
        results: folder of the records. The same command again does only what is missing there.
        label: names the result for `analysis`. Default: the preset, with the data where that was changed.
        data_parallel: devices that share one run's batch; the rest of the devices train other runs.
        tensorboard: also write the runs' curves there as event files, a folder for each run.
        wandb: also log the runs to Weights & Biases, where installed; WANDB_MODE=offline keeps them here.
        host_devices: on a CPU, how many devices to split the cores into. Default: 2 where there are 2 cores.
        checkpoint_every: epochs after which an unfinished run's state is kept on disk, to go on from there;
            0: never. Default: 5 for paper, whose runs are long, and 0 for the miniatures.
        launcher: here, or slurm: submit what is missing as a job array.
        slurm: how its jobs are asked for.
        processes: that train each run together, one on each host; start the same command in all of them.
        coordinator: HOST:PORT of the first of them; needed outside Slurm, where JAX does not find it itself.
        process_id: which of them this is, from 0; needed outside Slurm.
    """

    preset: Literal["smoke", "quick", "paper"] = "quick"
    data: str | None = None
    results: Path = Path("results")
    label: str | None = None
    data_parallel: int = 1
    tensorboard: Path | None = None
    wandb: bool = False
    host_devices: int | None = None
    checkpoint_every: int | None = None
    launcher: Literal["here", "slurm"] = "here"
    slurm: Slurm = field(default_factory=Slurm)
    processes: int = 1
    coordinator: str | None = None
    process_id: int | None = None

    def __post_init__(self):
        require(self.data_parallel >= 1, "data_parallel", self.data_parallel, "must be at least 1")
        require(
            self.host_devices is None or self.host_devices >= 1,
            "host_devices",
            self.host_devices,
            "must be at least 1",
        )
        require(
            self.label is None or re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.label) is not None,
            "label",
            self.label,
            "must be letters, digits, dots, dashes and underscores",
        )
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

    def full_label(self, default_data: str) -> str:
        """The label to use where the preset's own data is called `default_data`."""
        if self.label is not None:
            return self.label
        if self.data is None or self.data == default_data:
            return self.preset
        stem = re.sub(r"[^a-z0-9]+", "-", Path(self.data).stem.lower()).strip("-")
        return f"{self.preset}-{stem}"


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
        prepare(options)
        run_all(chosen, options, Part(name, tuple(arguments)))

    exit_with(main, resume_hint())


def choose(
    presets: Mapping[str, Experiment], description: str | None, name: str, arguments: Sequence[str]
) -> tuple[dict[str, Experiment], Options]:
    """Parse an experiment's command line."""
    preset = _preset_of(arguments)
    require(preset in presets, "preset", preset, f"must be one of {', '.join(presets)}")
    experiment, arguments = with_members(presets[preset], arguments)
    description = (description or "") + families_in_words(experiment)
    experiment_type = type(experiment)

    @dataclass(frozen=True)
    class Command:
        options: Annotated[Options, tyro.conf.arg(name="")]
        experiment: Annotated[experiment_type, tyro.conf.arg(name="")]  # type: ignore[valid-type]

    default = Command(Options(preset=preset), experiment)  # type: ignore[arg-type]
    chosen = parse(Command, f"experiments.{name}", description, arguments, default)
    return {name: chosen.experiment}, chosen.options


@dataclass(frozen=True)
class Part:
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
        prepare(options)
        run_all(experiments, replace(options, launcher="here"), self)

    def checkpoint(self) -> Any:
        """What submitit puts into the queue again: the same, which goes on from what is on disk."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def resume_hint() -> str:
    """What is said when Ctrl-C stops a command."""
    return f"interrupted: what was finished is kept; go on with\n  {command()}"


def prepare(options: Options) -> None:
    """Set JAX up; to be called before it is first used."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    use_host_devices(options.host_devices or min(2, cores))
    hosts.join(options.processes, options.coordinator, options.process_id)


@dataclass(frozen=True)
class _Plan:
    """An experiment with its data read and its runs and measurements named exactly."""

    name: str
    label: str
    experiment: Experiment
    dataset: data.Dataset
    runs: Sequence[RunConfig]
    measurements: Sequence[Any]


def run_all(experiments: Mapping[str, Experiment], options: Options, part: Part) -> None:
    """Train and measure what is missing of some experiments, and state what they consist of."""
    store = Store(options.results)
    if options.wandb:
        require_wandb()
    if options.tensorboard and hosts.is_primary():
        require_folder("tensorboard", options.tensorboard)
    if options.launcher == "slurm":
        require_slurm()
    plans = _plans(experiments, options)
    # A run that several experiments measure keeps the states that any of them needs: it is trained once.
    keep = states_to_keep([item for plan in plans for item in plan.measurements])
    if options.launcher == "slurm" and _submit(plans, keep, options, store, part):
        return
    with Stop() as stop:
        for plan in plans:
            _carry_out_one(plan, keep, options, store, part.only, stop)
            if stop():
                _say_what_is_left(plans, keep, store)
                stop.leave()


def _carry_out_one(
    plan: _Plan,
    keep: Mapping[RunConfig, Collection[int]],
    options: Options,
    store: Store,
    only: frozenset[str] | None,
    stop: Stop,
) -> None:
    """One experiment, or the part of it that `only` names."""
    started = time.monotonic()
    runs = [run for run in plan.runs if only is None or identity(run) in only]
    measurements = [item for item in plan.measurements if only is None or identity(item.run) in only]
    taken = MeasurementSummary()
    with Progress(plan.name, runs, measurements) as progress:

        def announce(todo: list[RunConfig]) -> None:
            progress.start(todo)
            if todo and only is None and hosts.is_primary():
                _state_the_plan(plan, store)

        summary = sweep(
            runs,
            plan.dataset,
            store,
            keep=keep,
            data_parallel=options.data_parallel,
            checkpoint_every=options.interval(),
            watch=progress.update,
            announce=announce,
            warn=warn,
            stop=stop,
        )
        if hosts.is_primary() and not stop():
            taken = measure_missing(
                measurements, plan.dataset, store, progress.measured, warn=warn, stop=stop
            )
    hosts.wait_for_all("measured")
    if stop() or not hosts.is_primary():
        return
    done = [identity(run) for run in dict.fromkeys(runs)]
    if only is None or all(store.has(run) for run in plan.runs):
        _state_what_it_is(plan, options, store)
    if options.tensorboard:
        to_tensorboard(store, done, options.tensorboard)
    if options.wandb:
        to_wandb(store, done, f"forgetting-vs-curvature-{plan.label}")
    failed = summary.out_of_memory + taken.out_of_memory
    print(
        f"{plan.name}: {summary.finished} runs trained, {summary.diverged} diverged, "
        + (f"{failed} out of memory, " if failed else "")
        + (f"{summary.elsewhere} done elsewhere, " if summary.elsewhere else "")
        + f"{summary.found} found done, {taken.taken} measurements, {time.monotonic() - started:.0f} s "
        f"-> {options.results} ({plan.label})",
        flush=True,
    )


def _submit(
    plans: Sequence[_Plan],
    keep: Mapping[RunConfig, Collection[int]],
    options: Options,
    store: Store,
    part: Part,
) -> bool:
    """Submit the runs that are missing; False: there is nothing to submit, and what is left is done here."""
    needed = [run for plan in plans for run in plan.runs]
    todo = missing(needed, store, keep, options.data_parallel)
    if not todo:
        return False
    queued = in_the_queue(store.folder)
    new = [run for run in todo if identity(run) not in queued]
    pieces = [[identity(run) for run in piece] for piece in in_pieces(new, options.slurm.runs_per_job)]
    said = "nothing submitted"
    if pieces:
        store.prepare()
        for plan in plans:
            _state_the_plan(plan, store)
        work = [replace(part, command=command(), only=frozenset(piece)) for piece in pieces]
        number = submit(work, pieces, options.slurm, store.folder)
        said = f"{len(new)} runs submitted as job array {number} of {len(pieces)} jobs"
    look = f"python -m experiments.status --results {store.folder}"
    print(f"{said}, {len(todo) - len(new)} runs were in the queue before; how far they are tells\n  {look}")
    return True


def _say_what_is_left(
    plans: Sequence[_Plan], keep: Mapping[RunConfig, Collection[int]], store: Store
) -> None:
    runs = list(dict.fromkeys(run for plan in plans for run in plan.runs))
    undone = [run for run in runs if not store.has(run, keep.get(run, ()))]
    halfway = sum(ResumeStore(store.folder).epochs(identity(run)) > 0 for run in undone)
    items = list(dict.fromkeys(item for plan in plans for item in plan.measurements))
    unmeasured = sum(not store.has(item) for item in items)
    print(
        f"{len(runs) - len(undone)} of {len(runs)} runs are done, {len(undone)} are left"
        + (f", {halfway} of them begun" if halfway else "")
        + (f"; {unmeasured} of {len(items)} measurements are left" if items else ""),
        file=sys.stderr,
        flush=True,
    )


def warn(text: str) -> None:
    """Say what is amiss, though nothing stops for it."""
    print(f"warning: {text}", file=sys.stderr, flush=True)


def _plans(experiments: Mapping[str, Experiment], options: Options) -> list[_Plan]:
    datasets: dict[data.DataConfig, data.Dataset] = {}
    plans = []
    for name, experiment in experiments.items():
        label = options.full_label(experiment.base.data.name)
        if options.data is not None:
            wanted = replace(experiment.base.data, name=options.data)
            experiment = replace(experiment, base=replace(experiment.base, data=wanted))
        wanted = experiment.base.data
        if wanted not in datasets:
            datasets[wanted] = data.load(wanted)
        dataset = datasets[wanted]
        runs = [bind(run, dataset) for run in experiment.runs()]
        measurements = [bind_measurement(item, dataset) for item in experiment.measurements()]
        require(bool(runs or measurements), "experiment", name, "asks for no runs: one of its lists is empty")
        plans.append(_Plan(name, label, experiment, dataset, runs, measurements))
    return plans


def _state_what_it_is(plan: _Plan, options: Options, store: Store) -> None:
    """Write which records the experiment consists of, and all that a caption or a claim says of them."""
    about = {
        "experiment": plan.name,
        "preset": options.preset,
        "data": plan.dataset.title,
        "train_images": plan.dataset.train_size,
        "image_shape": list(plan.dataset.image_shape),
        "classes": plan.dataset.classes,
        "command": command(),
        "config": canonical(plan.experiment),
        "provenance": provenance(),
        "runs": [identity(run) for run in dict.fromkeys(plan.runs)],
        "measurements": [identity(item) for item in dict.fromkeys(plan.measurements) if store.has(item)],
    }
    store.write_experiment(plan.label, plan.name, about)


def _state_the_plan(plan: _Plan, store: Store) -> None:
    """Write what is asked for, for `experiments.status`."""
    about = {
        "runs": {identity(run): work_of(run) for run in plan.runs},
        "started": time.time(),
        "command": command(),
    }
    store.write_plan(plan.label, plan.name, about)


def _preset_of(arguments: Sequence[str]) -> str:
    """The preset decides the other options' defaults, so it is needed before they can be parsed."""
    for index, argument in enumerate(arguments):
        if argument == "--preset" and index + 1 < len(arguments):
            return arguments[index + 1]
        if argument.startswith("--preset="):
            return argument.partition("=")[2]
    return Options.preset
