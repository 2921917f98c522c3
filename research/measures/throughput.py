"""How long a step takes and how much memory it needs, at one batch size.

A measurement like the others, but of the machine as much as of the run: equal configs do not give equal
values, and the run's seed only numbers the repetitions.
"""

import logging
import os
import statistics
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from research.data import Dataset
from research.errors import require
from research.records.store import Row, Store
from research.training.batches import Images
from research.training.config import RunConfig, bind
from research.training.context import Hyperparameters, Setting, TrainState
from research.training.step import train_step

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Throughput:
    """Time and memory of a step of a run: making the batch, both passes, the update.

    Attributes:
        run: the run; of it, what a step consists of.
        seconds: for about how long steps are timed, after two that are not.
        memory_limit: bytes beyond which a step is not tried; None: what the device has free.
    """

    run: RunConfig
    seconds: float = 0.5
    memory_limit: int | None = None

    alone: ClassVar[bool] = True

    def __post_init__(self):
        require(self.seconds >= 0, "seconds", self.seconds, "must not be negative")
        require(
            self.memory_limit is None or self.memory_limit >= 1,
            "memory_limit",
            self.memory_limit,
            "must be at least 1 byte, or None",
        )

    def epochs(self) -> tuple[int, ...]:
        """It needs no state."""
        return ()

    def measure(self, dataset: Dataset, store: Store) -> list[Row]:
        """Compile the step, ask the compiler what it needs, and time it.

        Returns:
            Rows of split `step`: `memory`, bytes for arguments, results and what lies between, as the
            compiler planned it; `out_of_memory`, 1 where that is more than there is, else 0; `seconds`, the
            median of the steps timed, where there is memory for them.
        """
        run = bind(self.run, dataset)
        setting, hyper = Setting.of(run, dataset), Hyperparameters.of(run)
        sizes = dataset.train_size, dataset.config.test_size or len(dataset.test_labels)
        compiled = _compiled(setting, dataset.image_shape, *sizes)
        needed, limit = _planned(compiled), self.memory_limit or _free()
        found = {"memory": needed, "out_of_memory": float(needed > limit)}
        if needed > limit:
            LOG.warning(
                "batch_size is %d: a step needs %.2f GB, %.2f GB are free; recorded as out of memory",
                run.batch_size,
                needed / 1e9,
                limit / 1e9,
            )
        else:
            rest = (Images.of(dataset), hyper)
            found["seconds"] = _timed(compiled, setting.initial_state(hyper), rest, self.seconds)
        return [Row(0, 0.0, "step", metric, float(value)) for metric, value in found.items()]


def step_of(setting: Setting):
    """`step(state, images, hyper) -> state`, jitted: the batch, both passes, the update."""

    @jax.jit
    def step(state: TrainState, images: Images, hyper: Hyperparameters) -> TrainState:
        run = setting.context(hyper, images)
        return train_step(run, state, run.batch(state.step))[0]

    return step


def abstract_arguments(
    setting: Setting, image_shape: tuple[int, int, int], train: int, test: int
) -> tuple[TrainState, Images, Hyperparameters]:
    """Shapes of a state, a data set of these sizes, and hyperparameters: to compile for what is not here."""
    pixels, channel = jnp.uint8, jax.ShapeDtypeStruct(image_shape[-1:], jnp.float32)
    splits = (
        jax.ShapeDtypeStruct(shape, kind)
        for rows in (train, test)
        for shape, kind in (((rows, *image_shape), pixels), ((rows,), jnp.int32))
    )
    images: Any = Images(*splits, channel, channel)  # type: ignore[arg-type]
    hyper = jax.eval_shape(lambda: Hyperparameters.of(replace(setting.config, subset_size=train)))
    return setting.abstract_state(), images, hyper


@lru_cache(maxsize=32)
def _compiled(setting: Setting, image_shape: tuple[int, int, int], train: int, test: int):
    """`step_of`, compiled for data of these sizes."""
    return step_of(setting).lower(*abstract_arguments(setting, image_shape, train, test)).compile()


def _planned(compiled) -> int:
    """Bytes that a compiled program needs at once."""
    plan = compiled.memory_analysis()
    return plan.argument_size_in_bytes + plan.output_size_in_bytes + plan.temp_size_in_bytes


def _free() -> int:
    """Bytes that the device has free; of a CPU, what the host has."""
    of_device = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in of_device:
        return of_device["bytes_limit"] - of_device.get("bytes_in_use", 0)
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _timed(step, state: TrainState, rest: tuple[Any, ...], seconds: float) -> float:
    """Median seconds of a step."""
    times: list[float] = []
    for count in range(10_000):
        start = time.perf_counter()
        state = jax.block_until_ready(step(state, *rest))
        if count >= 2:  # the first ones fill caches
            times.append(time.perf_counter() - start)
            if sum(times) >= seconds:
                break
    return statistics.median(times)
