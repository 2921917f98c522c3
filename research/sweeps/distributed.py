"""Several processes that train one run together, one on each host, through `jax.distributed`.

All of them run the same program in step; the first alone leases, decides and writes, and tells the others.
With one process, which is the ordinary case, every function here does nothing.
"""

from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from research.errors import InvalidInput


def join(processes: int, coordinator: str | None, process_id: int | None) -> None:
    """Meet the other processes; to be called before JAX is first used.

    Args:
        processes: how many there are; 1: nobody to meet.
        coordinator: HOST:PORT of the first one. None: JAX asks Slurm, or another scheduler that it knows.
        process_id: which of them this is, from 0.

    Raises:
        InvalidInput: they do not meet.
    """
    if processes == 1:
        return
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    try:
        if coordinator is None:
            jax.distributed.initialize()
        else:
            jax.distributed.initialize(coordinator, processes, process_id)
    except (ValueError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0][:160]
        raise InvalidInput("processes", processes, f"they did not meet ({first})") from error
    if jax.process_count() != processes:
        raise InvalidInput("processes", processes, f"the scheduler started {jax.process_count()}")


def is_primary() -> bool:
    """Whether this process is the one that decides and writes."""
    return jax.process_index() == 0


def broadcast(values: Any) -> Any:
    """The first process's arrays, on all of them."""
    if jax.process_count() == 1:
        return values
    return multihost_utils.broadcast_one_to_all(values)


def fetch(tree: Any) -> Any:
    """Arrays that lie spread over the devices of all processes, whole, on each one's host."""
    if jax.process_count() == 1:
        return jax.device_get(tree)
    return jax.tree.map(np.asarray, multihost_utils.process_allgather(tree, tiled=True))


def wait_for_all(what: str) -> None:
    """Go on when all processes have come this far."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(what)
