"""How experiments are carried out: what is missing is trained and measured, what they are is stated."""

import gc
import sys
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from experiments import discover
from experiments._command import Job, RunOptions
from experiments._data import OnData, label_for
from experiments._dry_run import Plan, forecast
from experiments._experiment import Experiment
from experiments._export import require_wandb, to_tensorboard, to_wandb
from experiments._progress import Progress, work_of
from experiments._stop import Stop
from research import data, runtime
from research.errors import require, require_folder
from research.machine import free_memory, usable_cores
from research.measures.measurement import bind_measurement, states_to_keep, with_runs
from research.records.checkpoints import ResumeStore
from research.records.identity import canonical, identity
from research.records.provenance import command, members_from_outside, provenance
from research.records.store import Store
from research.sweeps import distributed as hosts
from research.sweeps.measure import is_measured, may_be_taken, measure_missing
from research.sweeps.slurm import in_the_queue, require_slurm, submit
from research.sweeps.sweep import grouped, in_pieces, missing, require_runs_per_device, sweep
from research.training.config import RunConfig, bind
from research.training.sharding import use_host_devices

ROOM = 1 << 30  # bytes for a run on a host device, its data set apart: the article's network at batch 512


def prepare(options: RunOptions, at_once: int = 1, bytes_each: int = 0) -> None:
    """Set JAX up; to be called before it is first used.

    Args:
        at_once: how many runs, or measurements, could be under way at once; 0: nothing is to be done.
        bytes_each: that each of them keeps for itself, besides what it computes with.

    Raises:
        InvalidInput: there are no such devices here.
    """
    runtime.pin()
    gc.freeze()  # what was imported stays: to look at it again and again takes a tenth of a compilation
    if options.compilation_cache and not options.dry_run:
        runtime.keep_compiled()
    cores = usable_cores()
    chosen = options.host_devices
    if chosen is None and not runtime.host_devices_are_chosen():
        chosen = devices_for(at_once, options.data_parallel, cores, free_memory(), bytes_each)
    if chosen is not None:
        use_host_devices(chosen)
    hosts.join(options.processes, options.coordinator, options.process_id)
    runtime.require_devices()
    if at_once and not options.dry_run and hosts.is_primary():
        print(f"on {runtime.devices()}; {_count(cores, 'core')} to use", file=sys.stderr, flush=True)


def devices_for(at_once: int, data_parallel: int, cores: int, free: int | None, bytes_each: int = 0) -> int:
    """Into how many devices a CPU is split: one for each core, but no more than have work or find room.

    Args:
        at_once: runs, or measurements, that could be under way at the same time.
        data_parallel: devices that share a run; there are at least as many.
        cores: to use.
        free: bytes of memory; None: not known.
        bytes_each: that a device keeps for itself, besides what it computes with.
    """
    fit = cores if free is None else free // (ROOM + bytes_each)
    return max(1, data_parallel, min(cores, at_once * data_parallel, fit))


def run_all(experiments: Mapping[str, Experiment], options: RunOptions, job: Job) -> None:
    """Train and measure what is missing of some experiments, and state what they consist of.

    On a dry run: say only what that would be.
    """
    store = Store(options.results)
    if options.wandb:
        require_wandb()
    if options.launcher == "slurm":
        require_slurm()
    plans, notes = _plans(experiments, options, store)
    # A run that several experiments measure keeps the states that any of them needs: it is trained once. What
    # is measured needs its states no more: whoever deletes them for room has lost nothing. On which devices a
    # measurement may have run out of memory is asked when JAX is set up, not before.
    items = [item for plan in plans for item in plan.measurements]
    perhaps = states_to_keep([item for item in items if may_be_taken(item, store)])
    at_once = _at_once(plans, perhaps, store)
    prepare(options, at_once, max(plan.fitted.dataset.train_images.nbytes for plan in plans))
    keep = states_to_keep([item for item in items if not is_measured(item, store)])
    require_runs_per_device(options.runs_per_device, options.data_parallel)
    if hosts.is_primary():
        for note in notes:
            print(f"note: {note}", file=sys.stderr, flush=True)
        for name in _other_versions([*_all_runs(plans), *items], store):
            warn(f"records found done were made with another version of {name}; its file has changed since")
    if options.dry_run:
        for line in forecast(plans, keep, store, options.data_parallel):
            print(line)
        return
    if options.tensorboard and hosts.is_primary():
        require_folder("tensorboard", options.tensorboard)
    if options.launcher == "slurm" and _submit(plans, keep, options, store, job):
        return
    with Stop() as stop:
        for plan in plans:
            _run_one(plan, keep, options, store, job.only, stop)
            if stop():
                _say_what_is_left(plans, keep, store)
                stop.leave()


def _other_versions(asked: Sequence[Any], store: Store) -> list[str]:
    """The members from outside the project of which records that are there were made with another file."""
    now, found = members_from_outside(), set()
    for item in asked if now else ():
        if store.outcome(identity(item)) is not None:
            then = store.about(identity(item))["provenance"].get("members", {})
            found |= {name for name, file in then.items() if now.get(name, file) != file}
    return sorted(found)


def _at_once(plans: Sequence[Plan], keep: Mapping[RunConfig, Collection[int]], store: Store) -> int:
    """How many of the runs, or measurements, that are missing could be under way at the same time."""
    runs = [run for run in _all_runs(plans) if not store.has(run, keep.get(run, ()))]
    unmeasured = sum(not store.has(item) for plan in plans for item in set(plan.measurements))
    return max([unmeasured, *map(len, grouped(runs))])


def _all_runs(plans: Sequence[Plan]) -> list[RunConfig]:
    return list(dict.fromkeys(run for plan in plans for run in plan.runs))


def _run_one(
    plan: Plan,
    keep: Mapping[RunConfig, Collection[int]],
    options: RunOptions,
    store: Store,
    only: frozenset[str] | None,
    stop: Stop,
) -> None:
    """One experiment, or the part of it that `only` names."""
    started = time.monotonic()
    runs = [run for run in plan.runs if only is None or identity(run) in only]
    measurements = [item for item in plan.measurements if only is None or identity(item.run) in only]
    did = Counter[str]()
    with Progress(plan.name, runs, measurements) as progress:

        def announce(todo: list[RunConfig]) -> None:
            others = [
                run for run in runs if run.data != runs[0].data
            ]  # whose turn comes after the first images'
            todo = [*todo, *missing(others, store, keep, options.data_parallel)]
            progress.start(todo)
            if todo and only is None and hosts.is_primary():
                _state_the_plan(plan, store)

        for number, part in enumerate(plan.fitted.by_images(runs, measurements)):
            summary = sweep(
                part.runs,
                part.dataset,
                store,
                keep={run: keep[run] for run in part.runs if run in keep},
                data_parallel=options.data_parallel,
                runs_per_device=options.runs_per_device,
                checkpoint_every=options.interval(),
                watch=progress.update,
                announce=announce if number == 0 else lambda _: None,
                warn=warn,
                stop=stop,
            )
            did.update(vars(summary))
            if hosts.is_primary() and not stop():
                summary = measure_missing(
                    part.measurements, part.dataset, store, progress.measured, warn=warn, stop=stop
                )
                did.update(vars(summary))
            if hosts.broadcast(np.asarray(stop())):
                break
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
    print(
        f"{plan.name}: {_count(did['finished'], 'run')} trained, {did['diverged']} diverged, "
        + (f"{did['out_of_memory']} out of memory, " if did["out_of_memory"] else "")
        + (f"{did['elsewhere']} done elsewhere, " if did["elsewhere"] else "")
        + f"{did['found']} found done, {_count(did['taken'], 'measurement')}, "
        f"{time.monotonic() - started:.0f} s -> {options.results} ({plan.label})",
        flush=True,
    )


def _submit(
    plans: Sequence[Plan],
    keep: Mapping[RunConfig, Collection[int]],
    options: RunOptions,
    store: Store,
    job: Job,
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
        work = [replace(job, command=command(), only=frozenset(piece)) for piece in pieces]
        number = submit(work, pieces, options.slurm, store.folder)
        said = f"{len(new)} runs submitted as job array {number} of {len(pieces)} jobs"
    look = f"python -m experiments.status --results {store.folder}"
    print(f"{said}, {len(todo) - len(new)} runs were in the queue before; how far they are tells\n  {look}")
    return True


def _say_what_is_left(plans: Sequence[Plan], keep: Mapping[RunConfig, Collection[int]], store: Store) -> None:
    runs = _all_runs(plans)
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


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def warn(text: str) -> None:
    """Say what is amiss, though nothing stops for it."""
    print(f"warning: {text}", file=sys.stderr, flush=True)


def _plans(
    experiments: Mapping[str, Experiment], options: RunOptions, store: Store
) -> tuple[list[Plan], list[str]]:
    """What is asked for, and what is to be said of it."""
    found, on_data, notes = discover(), OnData(), []
    plans = []
    for name, experiment in experiments.items():
        usual = found.get(name, {}).get(options.preset, experiment)
        if options.seeds_from is not None:
            first, alike = experiment.base.seed, (usual.base.seed, options.seeds_from)
            require(first in alike, "base.seed", first, f"--seeds-from says {options.seeds_from}")
            experiment = replace(experiment, base=replace(experiment.base, seed=options.seeds_from))
        fitted = on_data(experiment, usual, options.data)
        experiment, dataset, its = fitted.experiment, fitted.dataset, fitted.experiment.on_its_images
        label, said = label_for(options.label, options.preset, dataset.config, store, experiment.phase)
        notes += [*fitted.notes, *said]
        runs = [its(bind(run, dataset)) for run in experiment.runs()]
        measurements = [with_runs(bind_measurement(item, dataset), its) for item in experiment.measurements()]
        require(bool(runs or measurements), "experiment", name, "asks for no runs: one of its lists is empty")
        strays = {run for run, epochs in states_to_keep(measurements).items() if epochs} - set(runs)
        said = f"measures states of {len(strays)} runs that are not among its own: runs() is to name each"
        require(not strays, "experiment", name, said)
        plans.append(Plan(name, label, fitted, runs, measurements))
    return plans, list(dict.fromkeys(notes))


def _state_what_it_is(plan: Plan, options: RunOptions, store: Store) -> None:
    """Write which records the experiment consists of, and all that a caption or a claim says of them."""
    loss, dataset, arrays = plan.experiment.base.loss, plan.fitted.dataset, plan.fitted.arrays
    about = {
        "experiment": plan.name,
        "preset": options.preset,
        "data": dataset.title,
        "fingerprint": data.fingerprint(dataset.config),
        "phase": plan.experiment.phase,
        "images": plan.experiment.images,
        "train_images": dataset.train_size,
        "test_images": len(dataset.test_images),
        "images_there_are": {"train": len(arrays.train_labels), "test": len(arrays.test_labels)},
        "image_shape": list(dataset.image_shape),
        "classes": dataset.classes,
        "loss": {"unit": loss.unit, "guess": loss.of_guess(dataset.classes)},
        "command": command(),
        "config": canonical(plan.experiment),
        "provenance": provenance(),
        "runs": [identity(run) for run in dict.fromkeys(plan.runs)],
        "measurements": [identity(item) for item in dict.fromkeys(plan.measurements) if store.has(item)],
    }
    store.write_experiment(plan.label, plan.name, about)


def _state_the_plan(plan: Plan, store: Store) -> None:
    """Write what is asked for, for `experiments.status`."""
    about = {
        "runs": {identity(run): work_of(run) for run in plan.runs},
        "started": time.time(),
        "fingerprint": data.fingerprint(plan.fitted.dataset.config),
        "phase": plan.experiment.phase,
        "command": command(),
    }
    store.write_plan(plan.label, plan.name, about)
