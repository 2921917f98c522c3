"""Frozen models on disk, through Orbax."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from research.errors import InvalidInput
from research.training import TrainState


def save(path: Path, state: TrainState) -> None:
    """Write one run's state: parameters, batch-norm statistics, optimizer state and step.

    Whoever calls makes it atomic: a record's checkpoint is written before the record is renamed into place.
    """
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(path.absolute(), _as_dict(jax.tree.map(np.asarray, state)))


def load(path: Path, like: TrainState) -> TrainState:
    """Read a state with the structure and shapes of `like` (abstract values will do).

    Raises:
        InvalidInput: there is none, or it is damaged or of another network.
    """
    if not path.exists():
        raise InvalidInput("checkpoint", str(path), "there is none; run the experiment that makes it")
    target = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), _as_dict(like))
    try:
        with ocp.StandardCheckpointer() as checkpointer:
            restored = checkpointer.restore(path.absolute(), target)
    except Exception as error:  # Orbax and TensorStore raise many kinds for a damaged file
        first = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        raise InvalidInput("checkpoint", str(path), f"cannot be read ({first})") from error
    return TrainState(
        *(
            jax.tree.unflatten(
                jax.tree.structure(part), [jnp.asarray(leaf) for leaf in jax.tree.leaves(restored[name])]
            )
            for name, part in like._asdict().items()
        )
    )


def _as_dict(state: TrainState) -> dict[str, object]:
    # Optax's state is named tuples, which Orbax would restore as dicts: its leaves are kept by number.
    opt_state = {f"{i:04d}": leaf for i, leaf in enumerate(jax.tree.leaves(state.opt_state))}
    return {
        "params": _text_keys(state.params),
        "batch_stats": _text_keys(state.batch_stats),
        "opt_state": opt_state,
        "step": state.step,
    }


def _text_keys(tree: object) -> object:
    # NNX numbers the members of a list; Orbax wants text.
    if isinstance(tree, dict):
        return {
            f"{key:04d}" if isinstance(key, int) else key: _text_keys(value) for key, value in tree.items()
        }
    return tree
