"""The command line that every experiment has, and how an experiment is carried out."""

import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from commandline import exit_with, parse
from experiments._experiment import Experiment
from experiments._export import require_wandb, to_tensorboard, to_wandb
from experiments._progress import Progress
from research import data, records
from research.config import RunConfig, bind
from research.errors import require
from research.measurements import bind_measurement, measure_missing, states_to_keep
from research.placement import use_host_devices
from research.provenance import command, provenance
from research.records import Store
from research.sweeps import sweep


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
    """

    preset: Literal["smoke", "quick", "paper"] = "quick"
    data: str | None = None
    results: Path = Path("results")
    label: str | None = None
    data_parallel: int = 1
    tensorboard: Path | None = None
    wandb: bool = False
    host_devices: int | None = None

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
        preset = _preset_of(arguments)
        require(preset in presets, "preset", preset, f"must be one of {', '.join(presets)}")
        experiment_type = type(presets[preset])

        @dataclass(frozen=True)
        class Command:
            options: Annotated[Options, tyro.conf.arg(name="")]
            experiment: Annotated[experiment_type, tyro.conf.arg(name="")]  # type: ignore[valid-type]

        default = Command(Options(preset=preset), presets[preset])  # type: ignore[arg-type]
        chosen = parse(Command, f"experiments.{name}", description, arguments, default)
        prepare(chosen.options)
        carry_out({name: chosen.experiment}, chosen.options)

    exit_with(main, go_on())


def go_on() -> str:
    """What is said when Ctrl-C stops a command."""
    return f"interrupted: what was finished is kept; go on with\n  {command()}"


def prepare(options: Options) -> None:
    """Set JAX up; to be called before it is first used."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    use_host_devices(options.host_devices or min(2, cores))


@dataclass(frozen=True)
class _Plan:
    """An experiment with its data read and its runs and measurements named exactly."""

    name: str
    label: str
    experiment: Experiment
    dataset: data.Dataset
    runs: Sequence[RunConfig]
    measurements: Sequence[Any]


def carry_out(experiments: Mapping[str, Experiment], options: Options) -> None:
    """Train and measure what is missing of some experiments, and state what they consist of."""
    store = Store(options.results)
    if options.wandb:
        require_wandb()
    plans = _plans(experiments, options)
    # A run that several experiments measure keeps the states that any of them needs: it is trained once.
    keep = states_to_keep([item for plan in plans for item in plan.measurements])
    for plan in plans:
        started = time.monotonic()
        with Progress(plan.name, plan.runs, plan.measurements) as progress:
            summary = sweep(
                plan.runs,
                plan.dataset,
                store,
                keep=keep,
                data_parallel=options.data_parallel,
                watch=progress.update,
                announce=progress.start,
            )
            taken = measure_missing(plan.measurements, plan.dataset, store, progress.measured)
        _state_what_it_is(plan, options, store)
        done = [records.identity(run) for run in dict.fromkeys(plan.runs)]
        if options.tensorboard:
            to_tensorboard(store, done, options.tensorboard)
        if options.wandb:
            to_wandb(store, done, f"forgetting-vs-curvature-{plan.label}")
        print(
            f"{plan.name}: {summary.finished} runs trained, {summary.diverged} diverged, "
            f"{summary.found} found done, {taken} measurements, {time.monotonic() - started:.0f} s "
            f"-> {options.results} ({plan.label})",
            flush=True,
        )


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
        "config": records.canonical(plan.experiment),
        "provenance": provenance(),
        "runs": [records.identity(run) for run in dict.fromkeys(plan.runs)],
        "measurements": [
            records.identity(item) for item in dict.fromkeys(plan.measurements) if store.has(item)
        ],
    }
    store.write_experiment(plan.label, plan.name, about)


def _preset_of(arguments: Sequence[str]) -> str:
    """The preset decides the other options' defaults, so it is needed before they can be parsed."""
    for index, argument in enumerate(arguments):
        if argument == "--preset" and index + 1 < len(arguments):
            return arguments[index + 1]
        if argument.startswith("--preset="):
            return argument.partition("=")[2]
    return Options.preset
