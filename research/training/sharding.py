"""Which device trains which run: the mesh axes `runs` and `data`.

Independent runs lie side by side on `runs` and never communicate; one run's batch is split over `data`.
Results depend on neither, but for the order in which floating-point numbers are added up.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from research.errors import require

RUNS, DATA = "runs", "data"


def use_host_devices(count: int) -> None:
    """On a CPU, present `count` host devices to JAX; call it before JAX is first used.

    Two runs on two cores, one host device each, are faster than one after the other: their small
    operations do not parallelise within.
    """
    jax.config.update("jax_num_cpu_devices", count)


def make_mesh(runs: int, data_parallel: int = 1, devices: Sequence[Any] | None = None) -> Mesh:
    """A mesh for at most `runs` runs at once, each on `data_parallel` devices.

    Raises:
        InvalidInput: `data_parallel` exceeds the number of devices.
    """
    devices = list(jax.devices() if devices is None else devices)  # of all hosts that train together
    require(
        1 <= data_parallel <= len(devices),
        "data_parallel",
        data_parallel,
        f"there are {len(devices)} devices",
    )
    slots = min(runs, len(devices) // data_parallel)
    return Mesh(np.asarray(devices[: slots * data_parallel]).reshape(slots, data_parallel), (RUNS, DATA))


def one_per_run(mesh: Mesh) -> NamedSharding:
    """For arrays whose first axis numbers the runs."""
    return NamedSharding(mesh, PartitionSpec(RUNS))


def replicated(mesh: Mesh) -> NamedSharding:
    """For arrays that every device holds whole."""
    return NamedSharding(mesh, PartitionSpec())


def memory_of(data_parallel: int = 1) -> str:
    """What the arrays of one run have to fit into."""
    return f"{data_parallel} x {jax.devices()[0].device_kind}"
