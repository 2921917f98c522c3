"""Our side: `research`, as an experiment uses it. Imported only in processes that have nothing else to do."""

import logging
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks._cases import Case
from research import data
from research.augmentations.crop import Crop
from research.augmentations.flip import Flip
from research.data import DataConfig
from research.measures.budget import StepBudget
from research.measures.measurement import states_to_keep
from research.measures.operators import gradient, hessian
from research.measures.replay import of_epoch
from research.measures.sharpness import Sharpness
from research.measures.throughput import Throughput
from research.metrics import StepFacts
from research.models.resnet import ResNet
from research.optimizers import Optimizer
from research.records.store import Store
from research.sweeps.measure import measure_missing
from research.sweeps.sweep import sweep
from research.training.batches import Batch, Images, normalise
from research.training.config import RunConfig, bind
from research.training.context import Hyperparameters, Setting, TrainState
from research.training.epoch import compiled_epoch_for
from research.training.schedules import ARTICLE
from research.training.sharding import make_mesh, use_host_devices
from research.training.step import train_step

_as_long_as_this_process = ExitStack()


def run_of(case: Case, **changes: Any) -> RunConfig:
    """The case as a run on synthetic images, few of them to test on: training is what is to be timed."""
    config = RunConfig(
        data=DataConfig(train_size=case.train_size, test_size=case.classes, image_size=case.image_size),
        augmentation=(Crop(case.crop_padding), Flip()),
        model=ResNet(width=case.width, blocks=case.blocks),
        batch_size=case.batch_size,
        schedule=ARTICLE.stretched(12, scale=case.rate / 0.1),
        epochs=12,
        precision=case.precision,  # type: ignore[arg-type]
    )
    return replace(config, **changes)


class Epochs:
    """Runs side by side, one in each place, an epoch at a call, as a sweep trains them."""

    def __init__(self, case: Case, host_devices: int):
        use_host_devices(host_devices)
        config = run_of(case)
        self.dataset = data.load(config.data)
        places = len(jax.local_devices())
        self.runs = [bind(replace(config, seed=seed, factor=1e-2), self.dataset) for seed in range(places)]
        self.program = compiled_epoch_for(self.runs[0], self.dataset, make_mesh(places))
        self.images = self.program.images(self.dataset)
        self.hyper = self.program.hyper(list(self.runs))
        self.states = self.program.blank()
        self.fresh = True

    def epoch(self) -> float:
        """Train every place's run by an epoch; the mean loss of the first."""
        places = self.program.slots
        control = self.program.control([self.fresh] * places, [True] * places, [False] * places)
        self.states, results = self.program.epoch(self.states, self.hyper, control, self.images)
        self.fresh = False
        return float(jax.device_get(results).metrics["seen.loss"][0])


def training(case: Case, host_devices: int, kernels: bool = True) -> dict[str, Any]:
    """Tasks `epoch`, an epoch of training in every place, `replay`, and `places`, how many there are.

    `replay` is one frozen network on one epoch's batches, made again; where there are several host devices
    each takes an epoch of its own.

    Args:
        kernels: False leaves to XLA what `research.kernels` does on a CPU.
    """
    if not kernels:
        _as_long_as_this_process.enter_context(_left_to_xla())
    epochs = Epochs(case, host_devices)
    setting, hyper = Setting.of(epochs.runs[0], epochs.dataset), Hyperparameters.of(epochs.runs[0])
    evaluate_epoch = of_epoch(setting, "running")
    ready: list[Any] = []

    def replay() -> float:
        if not ready:
            one = (jax.jit(setting.initial_state)(hyper), Images.of(epochs.dataset), hyper)
            ready.extend(jax.device_put(one, device) for device in jax.local_devices())
        found = [evaluate_epoch(*place, 0) for place in ready]
        return float(jax.device_get(found)[0][0][0][0])

    return {"epoch": epochs.epoch, "replay": replay, "places": lambda: epochs.program.slots}


def derivatives(case: Case, times: int) -> dict[str, Any]:
    """Tasks `gradient` and `product`, a Hessian-vector product; of the mean loss over `times` batches."""
    use_host_devices(1)
    config = run_of(case.at(case.batch_size, times), augmentation=())
    dataset = data.load(config.data)
    config = bind(config, dataset)
    setting, hyper, images = Setting.of(config, dataset), Hyperparameters.of(config), Images.of(dataset)
    state = jax.jit(setting.initial_state)(hyper)
    loss = setting.context(hyper, images).trained_loss(state.batch_stats)
    batches = Batch(
        images.train_images.reshape(times, case.batch_size, *dataset.image_shape),
        images.train_labels.reshape(times, case.batch_size),
    )
    vector = jax.tree.map(lambda leaf: jax.random.normal(jax.random.key(1), leaf.shape), state.params)
    slope = jax.jit(lambda params, batches: gradient(loss, params, batches))
    product = jax.jit(lambda params, vector, batches: hessian(loss, params, batches)(vector))
    return {
        "gradient": lambda: jax.block_until_ready(slope(state.params, batches)) and None,
        "product": lambda: jax.block_until_ready(product(state.params, vector, batches)) and None,
    }


def measures(
    case: Case, subset: int, epochs: int, points: int, examples: int, host_devices: int
) -> dict[str, Any]:
    """Tasks `run`, one run by itself, and `sharpness` and `budget` at moments of the last, at their cheapest.

    Records are written and nothing is measured twice: each run is asked for its measures once.

    Args:
        points: how often each is measured, over the epochs, some of which come up again; of the budget, two
            steps in a row at half as many moments.
        examples: that stand for the training set.
    """
    use_host_devices(host_devices)
    config = run_of(case.at(case.batch_size, subset // case.batch_size), epochs=epochs)
    dataset = data.load(config.data)
    folder = Path(tempfile.mkdtemp(prefix="benchmarks-"))
    config = bind(config, dataset)
    # More points than epochs: the rest differ by an example, which makes no batch more.
    sharpnesses = [
        Sharpness(
            config, 1 + index % epochs, examples=examples + index // epochs, num_matvecs=2, start="gradient"
        )
        for index in range(points)
    ]
    budgets = [
        StepBudget(config, 1 + index % (epochs - 1), 2, case.batch_size + index // (epochs - 1))
        for index in range(points // 2)
    ]
    keep = states_to_keep([*sharpnesses, *budgets])
    numbers = count()

    def train() -> None:
        sweep([config], dataset, Store(folder / str(next(numbers))), keep=keep)

    def latest() -> Store:
        return Store(max(folder.iterdir(), key=lambda path: int(path.name)))

    def measure(items: list[Any]) -> None:
        taken = measure_missing(items, dataset, latest()).taken
        if taken != len(items):
            raise RuntimeError(f"{taken} of {len(items)} measurements were taken")

    return {
        "run": train,
        "sharpness": partial(measure, sharpnesses),
        "budget": partial(measure, budgets),
    }


def growth(
    case: Case, subsets: tuple[int, ...], numbers: tuple[int, ...], host_devices: int
) -> dict[str, Any]:
    """Tasks `runs N`, a sweep of N short runs, and `subset N`, an epoch on N images."""
    use_host_devices(host_devices)
    config = run_of(case.at(case.batch_size, max(subsets) // case.batch_size), epochs=2)
    dataset = data.load(config.data)
    folder = Path(tempfile.mkdtemp(prefix="benchmarks-"))
    stores = count()

    def runs(number: int) -> None:
        wanted = [replace(config, seed=seed, subset_size=min(subsets)) for seed in range(number)]
        sweep(wanted, dataset, Store(folder / str(next(stores))))

    program = compiled_epoch_for(config, dataset, make_mesh(max(numbers)))
    images, places = program.images(dataset), program.slots
    states = {"now": program.blank()}

    def subset(size: int) -> None:
        hyper = program.hyper([replace(config, subset_size=size)] * places)
        control = program.control([True] * places, [True] * places, [False] * places)
        states["now"], results = program.epoch(states["now"], hyper, control, images)
        jax.device_get(results)

    tasks: dict[str, Callable[[], Any]] = {f"runs {number}": partial(runs, number) for number in numbers}
    return tasks | {f"subset {size}": partial(subset, size) for size in subsets}


def memory(case: Case, batch_sizes: tuple[int, ...]) -> dict[str, Any]:
    """Task `memory`: bytes of a step by XLA's memory analysis, and of the data set, by batch size."""
    use_host_devices(1)
    logging.disable(logging.WARNING)  # that a step does not fit into one byte
    largest = max(batch_sizes)
    config = run_of(case.at(largest, 1))
    dataset = data.load(config.data)

    def planned() -> dict[int, float]:
        found = {}
        for batch in batch_sizes:
            run = bind(replace(config, batch_size=batch), dataset)
            rows = Throughput(run, memory_limit=1).measure(dataset, Store(Path()))
            found[batch] = next(row.value for row in rows if row.metric == "memory")
        return found

    return {"memory": planned}


def ceilings(size: int, megabytes: int, precision: str) -> dict[str, Any]:
    """Tasks `matmul`, of square matrices, and `copy`; see `benchmarks._machine`."""
    use_host_devices(1)
    a, b = (jax.random.normal(jax.random.key(seed), (size, size), jnp.dtype(precision)) for seed in range(2))
    source = jnp.ones(megabytes * 2**20 // 4)
    multiply = jax.jit(jnp.matmul)
    increment = jax.jit(lambda x: x + 1)
    return {
        "matmul": lambda: jax.block_until_ready(multiply(a, b)) and None,
        "copy": lambda: jax.block_until_ready(increment(source)) and None,
    }


def about() -> dict[str, Any]:
    """Task `about`: versions and the device."""

    def found() -> dict[str, Any]:
        from research.records.provenance import provenance

        facts = provenance()
        wanted = ("revision", "python", "jax", "jaxlib", "flax", "numpy", "device", "processor")
        return {name: facts[name] for name in wanted} | {"backend": jax.default_backend()}

    return {"about": found}


def _left_to_xla() -> AbstractContextManager[None]:
    if find_spec("llvmlite") is None:  # as where only a GPU is used: there is nothing to leave
        return nullcontext()
    from research.kernels import disable_kernels

    return disable_kernels()


def flops_by_xla(case: Case) -> dict[str, float]:
    """XLA's own count of operations for a step's parts, per image: `forward`, `gradient`, `product`."""
    config = run_of(case, augmentation=())
    dataset = data.load(config.data)
    config = bind(config, dataset)
    setting, images = Setting.of(config, dataset), Images.of(dataset)
    state = setting.abstract_state()
    stats = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), state.batch_stats)
    batch = Batch(images.train_images[: case.batch_size], images.train_labels[: case.batch_size])
    loss = setting.context(Hyperparameters.of(config), images).trained_loss(stats)
    works = {
        "forward": lambda params, _: loss(params, batch),
        "gradient": lambda params, _: jax.grad(loss)(params, batch),
        "product": lambda *both: jax.jvp(lambda p: jax.grad(loss)(p, batch), both[:1], both[1:])[1],
    }
    found = {}
    for name, work in works.items():
        with _left_to_xla():  # it knows nothing of what a kernel does
            analysis: Any = jax.jit(work).lower(state.params, state.params).compile().cost_analysis()
        found[name] = float(analysis["flops"]) / case.batch_size
    return found


def losses(
    case: Case, steps: int, optimizer: Optimizer
) -> tuple[list[float], list[tuple[np.ndarray, np.ndarray]], Any, list[float]]:
    """Train for `steps` steps: each one's loss, its batch (normalised images, labels), the first parameters
    and the learning rates.
    """
    # The steps are one epoch: a schedule so short that the rate is at its peak before the last of them.
    schedule = ARTICLE.stretched(2, scale=case.rate / 0.1)
    config = run_of(case.at(case.batch_size, steps), schedule=schedule, optimizer=optimizer)
    dataset = data.load(config.data)
    config = bind(config, dataset)
    setting, hyper, images = Setting.of(config, dataset), Hyperparameters.of(config), Images.of(dataset)
    order = setting.context(hyper, images).order(0)

    @jax.jit
    def step(state: TrainState) -> tuple[TrainState, StepFacts, Batch]:
        run = setting.context(hyper, images)
        batch = run.batch(state.step, order)
        after, _, facts = train_step(run, state, batch)
        return after, facts, batch

    state = jax.jit(setting.initial_state)(hyper)
    first, found, batches, rates = jax.device_get(state.params), [], [], []
    for _ in range(steps):
        state, facts, batch = step(state)
        batches.append((np.asarray(normalise(batch.images, images)), np.asarray(batch.labels)))
        found.append(float(facts.loss))
        rates.append(float(facts.learning_rate))
    return found, batches, first, rates
