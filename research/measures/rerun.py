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

from research.data import Dataset
from research.errors import require
from research.training.batches import Images, chained, rows_at
from research.training.config import RunConfig
from research.training.context import Count, Hyperparameters, Setting, TrainState
from research.training.step import train_step

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


def rerun(run: RunConfig, dataset: Dataset):
    """The compiled `f(state, images, hyper, sources, count) -> (state, Trace)` of a run.

    Step k of `count`, counted from 0, trains on the batch that the run saw, or will see, at step
    `sources[k]`, or on none where that is `SKIP`. The learning rate is that of the state's own step.
    Runs with one compile key share it.

    Raises:
        InvalidInput: the run takes several passes for an update.
    """
    require(
        not run.accumulates,
        "run.accumulate",
        run.accumulate,
        "steps are taken again with one pass per update only",
    )
    return _rerun(Setting.of(run, dataset))


@lru_cache(maxsize=32)
def _rerun(setting: Setting):
    size = setting.spec.batch_size

    @jax.jit
    def steps(
        state: TrainState,
        images: Images,
        hyper: Hyperparameters,
        sources: Int[Array, " room"],
        count: Count,
    ) -> tuple[TrainState, Trace]:
        run = setting.context(hyper, images)

        def taken(state, order, source, trace, k):
            batch = run.batch(source, order)
            # The step's own forward pass: the compiler sees that the two are one.
            logits, _ = run.logits(state.params, state.batch_stats, batch, key=run.dropout_key(state.step))
            after, _, facts = train_step(run, state, batch)
            return after, Trace(
                trace.loss.at[k].set(facts.loss),
                trace.rows.at[k].set(rows_at(order, source, hyper.subset_size, size)),
                trace.correct.at[k].set(logits.argmax(-1) == batch.labels),
                chained(trace.order_checksum, batch),
            )

        def body(carry):
            state, order, epoch, trace, k = carry
            source = sources[k]
            wanted = jnp.where(source < 0, epoch, source // run.per_epoch)
            order = lax.cond(wanted == epoch, lambda: order, lambda: run.order(source // run.per_epoch))
            state, trace = lax.cond(
                source < 0,
                lambda: (state._replace(step=state.step + 1), trace),
                lambda: taken(state, order, source, trace, k),
            )
            return state, order, wanted, trace, k + 1

        room = len(sources)
        trace = Trace(
            jnp.zeros(room), jnp.zeros((room, size), jnp.int32), jnp.zeros((room, size), bool), jnp.uint32(0)
        )
        nowhere = jnp.zeros(len(images.train_labels), jnp.int32)
        carry = (state, nowhere, jnp.int32(-1), trace, jnp.int32(0))
        state, _, _, trace, _ = lax.while_loop(lambda carry: carry[-1] < count, body, carry)
        return state, trace

    return steps
