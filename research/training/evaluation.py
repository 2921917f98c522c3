"""Loss and accuracy of frozen weights on images as they are, not augmented."""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import PyTree

from research.training.batches import normalise
from research.training.context import Context, Count, Scalar
from research.training.sharding import DATA

EVALUATION_BATCH = 256
STATISTICS_BATCHES = 16  # that batch norm's statistics of averaged weights are estimated from


def evaluate(
    run: Context,
    params: PyTree,
    batch_stats: PyTree,
    split: str,
    rows: Count | int,
    *,
    use_running_average: bool = True,
    batch_size: int = EVALUATION_BATCH,
    parts: int = 1,
    part: Count | int = 0,
) -> tuple[Scalar, Scalar]:
    """Mean loss, as it is reported, and accuracy over the first `rows` images of a split.

    Args:
        split: train or test.
        rows: may be traced; 0 gives zeros at no cost.
        use_running_average: of batch norm; else each evaluation batch's own statistics.
        parts: devices among which each evaluation batch is divided, this one being number `part`; the sums
            are then added over the mesh axis `data`.
    """
    images, loss_of = run.images, run.config.loss.evaluated().per_example
    pixels, labels = getattr(images, f"{split}_images"), getattr(images, f"{split}_labels")
    size = max(1, min(batch_size, len(labels)) // parts)

    def body(index, sums):
        row = (index * parts + part) * size + jnp.arange(size)
        inside = row < rows
        row = jnp.minimum(row, len(labels) - 1)
        inputs = normalise(pixels[row], images)
        logits, _ = run.network.apply(params, batch_stats, inputs, use_running_average)
        loss = jnp.where(inside, loss_of(logits, labels[row]), 0.0)
        correct = inside & (logits.argmax(-1) == labels[row])
        return sums[0] + loss.sum(), sums[1] + correct.sum()

    batches = -(-rows // (size * parts))
    sums = lax.fori_loop(0, batches, body, (jnp.float32(0), jnp.int32(0)))
    if parts > 1:
        sums = lax.psum(sums, DATA)
    count = jnp.maximum(rows, 1)
    return sums[0] / count, sums[1] / count


def evaluate_views(
    run: Context,
    params: PyTree,
    batch_stats: PyTree,
    split: str,
    first: Count | int,
    end: Count | int,
    *,
    statistics: str = "running",
    view: int = 1,
) -> tuple[Scalar, Scalar, Scalar]:
    """Mean loss, as it is reported, over rows of a split, each in one view never trained on.

    Args:
        split: train or test.
        first, end: from which row up to, not including, which; may be traced. None: zeros.
        statistics: batch norm's: `running` averages, or those of each `batch`; then whole batches only.
        view: which of the views; the same for the same number.

    Returns:
        Loss, its standard error over the images, and accuracy.
    """
    size, loss_of = run.spec.batch_size, run.config.loss.evaluated().per_example
    count = end - first
    batches = count // size if statistics == "batch" else -(-count // size)

    def body(index, sums):
        row = first + index * size + jnp.arange(size)
        inside = row < end
        batch = run.view_of(split, jnp.minimum(row, end - 1), index, view)
        logits, _ = run.logits(params, batch_stats, batch, statistics=statistics)
        loss = jnp.where(inside, loss_of(logits, batch.labels), 0.0)
        correct = inside & (logits.argmax(-1) == batch.labels)
        return sums[0] + loss.sum(), sums[1] + (loss**2).sum(), sums[2] + correct.sum()

    zero = jnp.float32(0)
    loss, squared, correct = lax.fori_loop(0, batches, body, (zero, zero, jnp.int32(0)))
    seen = jnp.maximum(jnp.minimum(count, batches * size), 1)
    variance = jnp.maximum(squared / seen - (loss / seen) ** 2, 0)
    return loss / seen, jnp.sqrt(variance / jnp.maximum(seen - 1, 1)), correct / seen


def statistics_anew(run: Context, params: PyTree, batch_stats: PyTree, epoch: Count | int) -> PyTree:
    """Batch norm's statistics estimated anew for weights that were never trained with: averaged ones.

    They are the means of those of the first batches of an epoch, as it is trained on.

    Args:
        batch_stats: of the structure wanted; the values do not matter.
    """
    if not jax.tree.leaves(batch_stats):
        return batch_stats
    order = run.order(epoch)
    first = epoch * run.per_epoch
    zeros, ones = (jax.tree.map(make, batch_stats) for make in (jnp.zeros_like, jnp.ones_like))

    def after(step, before):
        return run.logits(params, before, run.batch(step, order))[1]

    # A running average moves by a fixed share from what it was towards the batch's: which share, two tell.
    kept = jax.tree.map(jnp.subtract, after(first, ones), after(first, zeros))
    count = jnp.minimum(STATISTICS_BATCHES, run.per_epoch)

    def body(index, total):
        return jax.tree.map(jnp.add, total, after(first + index, zeros))

    total = lax.fori_loop(0, count, body, zeros)
    return jax.tree.map(lambda leaf, share: leaf / count / (1 - share), total, kept)
