"""One step: gradient, transform, apply. The mathematics of training, in one place."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, PyTree

from research.gradients import Pass
from research.metrics import StepFacts
from research.optimizers import StepContext
from research.training.batches import Batch
from research.training.context import Context, Count, Scalar, TrainState


class Pending(NamedTuple):
    """An update that takes several passes, on its way.

    Attributes:
        gradient: sum of the parts of the passes since the last update.
        passes: that an update takes.
    """

    gradient: PyTree
    passes: Count


class _Gradient(NamedTuple):
    loss: Scalar
    accuracy: Scalar
    gradient: PyTree
    batch_stats: PyTree


def train_step(
    run: Context,
    state: TrainState,
    batch: Batch,
    *,
    pending: Pending | None = None,
    mean_over: str | None = None,
) -> tuple[TrainState, Pending | None, StepFacts]:
    """One pass over a batch, and the update, where it is due.

    Args:
        batch: of the state's step; or this device's slice of it.
        pending: where an update takes several passes: those before this one.
        mean_over: mesh axis that holds the other slices of the batch.

    Returns:
        The state after it, what is pending after it, and the facts before the update.
    """
    found = _gradient(run, state, batch, mean_over)
    # Passes before this one in its update, those that the update takes, and the sum of their parts so far.
    taken, passes, total = 0, 1, found.gradient
    if pending is not None:
        passes = pending.passes
        taken = state.step % run.per_epoch % passes
        state, part = _part(run, state, found.gradient, batch, taken, passes, mean_over)
        total = jax.tree.map(jnp.add, pending.gradient, part)
    # The update's rate is that of its first pass, as the large batch's step would have it.
    rate = run.rate(state.step - taken)

    def due() -> tuple[TrainState, PyTree, PyTree]:
        mean = total if pending is None else jax.tree.map(lambda leaf: leaf / passes, total)
        return *_updated(run, state, mean, batch, rate, mean_over), jax.tree.map(jnp.zeros_like, total)

    def not_due() -> tuple[TrainState, PyTree, PyTree]:
        return state, jax.tree.map(jnp.zeros_like, total), total

    if pending is None:
        after, update, _ = due()
    else:
        after, update, left = lax.cond(taken + 1 == passes, due, not_due)
        pending = Pending(left, pending.passes)
    average = state.average
    if run.config.averaging.keeps:
        average = run.config.averaging.updated(
            average, after.params, state.step + 1, run.per_epoch, run.hyper.total_steps
        )
    facts = StepFacts(found.loss, found.accuracy, rate, found.gradient, update, state.params)
    return (
        after._replace(batch_stats=found.batch_stats, step=state.step + 1, average=average),
        pending,
        facts,
    )


def _part(
    run: Context,
    state: TrainState,
    own: PyTree,
    batch: Batch,
    taken: Count,
    passes: Count,
    mean_over: str | None,
) -> tuple[TrainState, PyTree]:
    """The state with its snapshot as of this pass, and what the pass contributes to its update's gradient."""
    kind, of_epoch = run.config.gradient, state.step % run.per_epoch
    place = Pass(run.noise_key(state.step - taken), taken, passes, state.step // run.per_epoch, of_epoch)
    if kind.keeps_snapshot:
        due = kind.snapshot_due(place)
        snapshot = jax.tree.map(lambda old, new: jnp.where(due, new, old), state.snapshot, state.params)
        state = state._replace(snapshot=snapshot)

    def at_snapshot() -> PyTree:
        return _gradient(run, state._replace(params=state.snapshot), batch, mean_over).gradient

    return state, kind.of_pass(own, at_snapshot, place)


def _gradient(run: Context, state: TrainState, batch: Batch, mean_over: str | None) -> _Gradient:
    """Of the batch's mean loss; with its loss and accuracy, and the statistics after it."""

    def loss_of(params):
        logits, batch_stats = run.logits(params, state.batch_stats, batch, key=run.dropout_key(state.step))
        return run.loss_of_logits(logits, batch), (logits, batch_stats)

    (loss, (logits, batch_stats)), gradient = jax.value_and_grad(loss_of, has_aux=True)(state.params)
    accuracy = (logits.argmax(-1) == batch.labels).mean()
    if mean_over is not None:
        loss, accuracy, gradient = lax.pmean((loss, accuracy, gradient), mean_over)
    return _Gradient(loss, accuracy, gradient, batch_stats)


def _updated(
    run: Context, state: TrainState, gradient: PyTree, batch: Batch, rate: Scalar, mean_over: str | None
) -> tuple[TrainState, PyTree]:
    """The state with parameters and optimizer moved on, and what was added to the parameters."""

    def gauss_newton(vector: PyTree) -> PyTree:
        def logits_of(params):
            return run.logits(params, state.batch_stats, batch, key=run.dropout_key(state.step))[0]

        product = gauss_newton_product(
            logits_of, lambda logits: run.loss_of_logits(logits, batch), state.params, vector
        )
        return product if mean_over is None else lax.pmean(product, mean_over)

    context = StepContext(run.optimizer_key(state.step), gauss_newton)
    transform = run.config.optimizer.transform()
    direction, opt_state = transform.update(gradient, state.opt_state, state.params, context=context)
    update = jax.tree.map(lambda leaf: -rate * leaf, direction)
    params = optax.apply_updates(state.params, update)
    return state._replace(params=params, opt_state=opt_state), update


def gauss_newton_product(
    logits_of: Callable[[PyTree], Array], mean_loss: Callable[[Array], Scalar], params: PyTree, vector: PyTree
) -> PyTree:
    """A vector times J' S J, S being the second derivative of a batch's mean loss by its logits.

    It is the Hessian without the logits' own curvature, and positive semi-definite for a convex loss.

    Args:
        logits_of: from parameters to the batch's logits, of which J is the Jacobian.
        mean_loss: of the batch's logits.
    """
    logits, pushed = jax.jvp(logits_of, (params,), (vector,))
    weighted = jax.jvp(jax.grad(mean_loss), (logits,), (pushed,))[1]
    return jax.vjp(logits_of, params)[1](weighted)[0]
