"""Steps of a run taken again, from any of its states, on batches of one's choosing.

A batch is a pure function of (seed, step), so a stretch of training can be repeated and watched more closely
than a sweep does, or be given the batch of another step in place of its own.
"""

from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, UInt32

from research.errors import require
from research.training.batches import (
    BatchSpec,
    Images,
    chained,
    epoch_order,
    normalise,
    rows_at,
    run_key,
    take_batch,
)
from research.training.config import RunConfig
from research.training.epoch import Count, Network, Rate, TrainState, compile_key, optimizer, train_step

SKIP = -1
"""In place of a batch: the step counts, and changes nothing."""


class Trace(NamedTuple):
    """What happened at each step; beyond the last one taken, zeros.

    Attributes:
        loss: of the step's batch before the update, nats.
        rows: the training images of its batch.
        correct: which of them were classified rightly, before the update and with the batch's statistics.
        order_checksum: of all batches in order, as a run's record has it for an epoch.
    """

    loss: Float[Array, " room"]
    rows: Int[Array, "room batch"]
    correct: Bool[Array, "room batch"]
    order_checksum: UInt32[Array, ""]


class Arguments(NamedTuple):
    """What of a run is an argument of the compiled program."""

    seed: Count | int
    subset_size: Count | int
    rate: Rate
    momentum: Float[Array, ""] | float
    weight_decay: Float[Array, ""] | float

    @classmethod
    def of(cls, run: RunConfig) -> "Arguments":
        """Those of a run whose subset is named exactly."""
        assert run.subset_size is not None
        return cls(run.seed, run.subset_size, Rate.of(run), run.momentum, run.weight_decay)


def rerun(run: RunConfig, image_shape: tuple[int, int, int], classes: int):
    """The compiled `f(state, images, arguments, sources, count) -> (state, Trace)` of a run.

    Step k of `count`, counted from 0, trains on the batch that the run saw, or will see, at step
    `sources[k]`, or on none where that is `SKIP`. The learning rate is that of the state's own step.
    Runs with one static part share it.

    Raises:
        InvalidInput: the run takes several passes for an update.
    """
    require(
        not run.accumulates,
        "run.accumulate",
        run.accumulate,
        "steps are taken again with one pass per update only",
    )
    return _rerun(compile_key(run), image_shape, classes)


@lru_cache(maxsize=32)
def _rerun(static: RunConfig, image_shape: tuple[int, int, int], classes: int):
    network = Network(static, image_shape, classes, split_batch=False)
    recipe = BatchSpec.of(static)

    @jax.jit
    def steps(
        state: TrainState, images: Images, arguments: Arguments, sources: Int[Array, " room"], count: Count
    ) -> tuple[TrainState, Trace]:
        seed, subset_size, of_run, momentum, weight_decay = arguments
        key, per_epoch = run_key(seed), subset_size // recipe.batch_size
        rate = of_run.of_steps(per_epoch)
        transform = optimizer(momentum, weight_decay, rate, static.nesterov)

        def order_of(source):
            return epoch_order(key, source // per_epoch, subset_size, len(images.train_labels))

        def taken(state, order, source, trace, k):
            batch = take_batch(images, order, key, source, subset_size, recipe)
            # The step's own forward pass: the compiler sees that the two are one.
            logits, _ = network.apply(state.params, state.batch_stats, normalise(batch.images, images), False)
            after, loss, _ = train_step(network, transform, state, images, batch)
            return after, Trace(
                trace.loss.at[k].set(loss),
                trace.rows.at[k].set(rows_at(order, source, subset_size, recipe.batch_size)),
                trace.correct.at[k].set(logits.argmax(-1) == batch.labels),
                chained(trace.order_checksum, batch),
            )

        def body(carry):
            state, order, epoch, trace, k = carry
            source = sources[k]
            wanted = jnp.where(source < 0, epoch, source // per_epoch)
            order = lax.cond(wanted == epoch, lambda: order, lambda: order_of(source))
            state, trace = lax.cond(
                source < 0,
                lambda: (state._replace(step=state.step + 1), trace),
                lambda: taken(state, order, source, trace, k),
            )
            return state, order, wanted, trace, k + 1

        room, size = len(sources), recipe.batch_size
        trace = Trace(
            jnp.zeros(room), jnp.zeros((room, size), jnp.int32), jnp.zeros((room, size), bool), jnp.uint32(0)
        )
        nowhere = jnp.zeros(len(images.train_labels), jnp.int32)
        carry = (state, nowhere, jnp.int32(-1), trace, jnp.int32(0))
        state, _, _, trace, _ = lax.while_loop(lambda carry: carry[-1] < count, body, carry)
        return state, trace

    return steps
