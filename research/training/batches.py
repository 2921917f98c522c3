"""A batch is a pure function of (seed, step).

Order and augmentation come from folding the epoch and the step into keys, so any batch that a run ever saw,
or ever will see, can be made again bit for bit. Replay, resuming and determinism all rest on it.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, UInt8, UInt32

from research import runtime
from research.augmentations import Augmentation, augmented
from research.data import Dataset
from research.orders import Order
from research.scalars import Count
from research.training.config import RunConfig

# Streams of randomness folded into a run's key.
_MODEL, _ORDER, _AUGMENTATION, DROPOUT, OPTIMIZER, VIEW, NOISE, UNITS = range(8)


class Images(NamedTuple):
    """A data set on the device, whole, as 8-bit pixels."""

    train_images: UInt8[Array, "train height width channel"]
    train_labels: Int[Array, " train"]
    test_images: UInt8[Array, "test height width channel"]
    test_labels: Int[Array, " test"]
    mean: Float[Array, " channel"]
    std: Float[Array, " channel"]

    @classmethod
    def of(cls, dataset: Dataset) -> "Images":
        return cls(
            *(jnp.asarray(getattr(dataset, name)) for name in cls._fields),
        )


class Batch(NamedTuple):
    """What one step trains on, before normalisation."""

    images: UInt8[Array, "batch height width channel"]
    labels: Int[Array, " batch"]


class BatchSpec(NamedTuple):
    """What a run's batches are made by; the arguments of the augmentation and of the order may be traced.

    Attributes:
        view: which view of the images is taken: 0, the one that is trained on; any other, one that is drawn
            apart from those of all steps, and is like one of them by chance alone (`docs/measures.md`).
    """

    batch_size: int
    augmentation: tuple[Augmentation, ...]
    order: Order
    view: int = 0

    @classmethod
    def of(cls, run: RunConfig) -> "BatchSpec":
        """That of this run."""
        return cls(run.batch_size, run.augmentation, run.order)


def run_key(seed: Int[Array, ""] | int) -> Key[Array, ""]:
    """The key from which all of a run's randomness follows.

    Raises:
        InvalidInput: JAX is set to draw other numbers, or to compute with other types, than every run's.
    """
    runtime.require_pinned()
    return jax.random.key(seed)


def model_key(key: Key[Array, ""]) -> Key[Array, ""]:
    """The key of a run's initial parameters."""
    return jax.random.fold_in(key, _MODEL)


def step_key(key: Key[Array, ""], stream: int, step: Count | int) -> Key[Array, ""]:
    """The key of one of a run's streams of randomness at a step."""
    return jax.random.fold_in(jax.random.fold_in(key, stream), step)


def epoch_order(
    key: Key[Array, ""],
    epoch: Count | int,
    subset_size: Count | int,
    labels: Int[Array, " train"],
    order: Order,
) -> Int[Array, " train"]:
    """The rows that an epoch of the run with this key visits: the first `subset_size` of those returned."""
    return order.rows(jax.random.fold_in(key, _ORDER), epoch, subset_size, labels)


def rows_at(
    order: Int[Array, " train"], step: Count | int, subset_size: Count | int, batch_size: int
) -> Int[Array, " {batch_size}"]:
    """Which training images make up batch `step`, given its epoch's order."""
    position = step % (subset_size // batch_size)
    return jax.lax.dynamic_slice_in_dim(order, position * batch_size, batch_size)


def take_batch(
    images: Images,
    order: Int[Array, " train"],
    key: Key[Array, ""],
    step: Count | int,
    subset_size: Count | int,
    spec: BatchSpec,
) -> Batch:
    """Batch `step` of a run, given its epoch's order; see `batch_at` for the whole function."""
    rows = rows_at(order, step, subset_size, spec.batch_size)
    stream = step_key(key, _AUGMENTATION, step)
    if spec.view:
        stream = jax.random.fold_in(jax.random.fold_in(stream, VIEW), spec.view)
    return Batch(augmented(spec.augmentation, stream, images.train_images, rows), images.train_labels[rows])


def batch_at(
    images: Images,
    key: Key[Array, ""],
    step: Count | int,
    subset_size: Count | int,
    spec: BatchSpec,
) -> Batch:
    """The batch that the run with this key sees at `step` (from 0): exactly, whenever it is asked for."""
    epoch = step // (subset_size // spec.batch_size)
    order = epoch_order(key, epoch, subset_size, images.train_labels, spec.order)
    return take_batch(images, order, key, step, subset_size, spec)


def batches_at(
    images: Images,
    key: Key[Array, ""],
    steps: Int[Array, " step"],
    subset_size: Count | int,
    spec: BatchSpec,
) -> Batch:
    """The batches of several steps, stacked along a first axis; neighbours of one epoch share its order."""

    def next_one(last: tuple[Count, Int[Array, " train"]], step: Count) -> tuple[Any, Batch]:
        epoch = step // (subset_size // spec.batch_size)
        order = jax.lax.cond(
            epoch == last[0],
            lambda: last[1],
            lambda: epoch_order(key, epoch, subset_size, images.train_labels, spec.order),
        )
        return (epoch, order), take_batch(images, order, key, step, subset_size, spec)

    none = (jnp.int32(-1), jnp.zeros(len(images.train_labels), jnp.int32))
    return jax.lax.scan(next_one, none, steps)[1]


def normalise(
    pixels: UInt8[Array, "batch height width channel"], images: Images
) -> Float[Array, "batch height width channel"]:
    """Zero mean and unit variance per channel, by the training set's statistics."""
    return (pixels.astype(jnp.float32) - images.mean) / images.std


def checksum(batch: Batch, first: Count | int = 0) -> UInt32[Array, ""]:
    """A fingerprint of a batch, pixel by pixel and in order; those of its slices add up (modulo 2**32).

    Args:
        first: position in the batch of the first example here, where a device holds a slice.
    """
    pixels = batch.images.reshape(len(batch.labels), -1)
    # Odd weights, different for each position: a changed or moved value changes the sum.
    column = 2 * jnp.arange(pixels.shape[1], dtype=jnp.uint32) + 1
    row = 2 * (jnp.arange(len(batch.labels), dtype=jnp.uint32) + jnp.uint32(first)) + 1
    content = (pixels.astype(jnp.uint32) * (column * jnp.uint32(2654435761))).sum(
        1, dtype=jnp.uint32
    ) + batch.labels.astype(jnp.uint32)
    return (content * (row * jnp.uint32(2246822519))).sum(dtype=jnp.uint32)


def chained(before: UInt32[Array, ""], batch: Batch, first: Count | int = 0) -> UInt32[Array, ""]:
    """The fingerprint of many batches in order: that of those before, and one more; begin with 0."""
    return before * jnp.uint32(1664525) + checksum(batch, first)
