"""What killed processes left in a results folder, cleared away by the next that works there."""

import contextlib

from research.errors import InvalidInput
from research.records.checkpoints import ResumeStore
from research.records.store import Store
from research.sweeps.leases import Leases


def clear_up(store: Store, leases: Leases) -> None:
    """Clear away what killed processes left: the half-written, and leases and states of runs that are done.

    What a live process has leased is left to it. States younger than their run's record stay too: someone
    was on the way to others that the record lacks.
    """
    store.clear_leftovers()
    interrupted = ResumeStore(store.folder)
    interrupted.clear_leftovers()
    for name in sorted(interrupted.names() | leases.names()):
        with contextlib.suppress(OSError, InvalidInput):  # damaged, or nothing can be written: it stays, then
            if store.verified(name) is not None and leases.acquire(name, done=True):
                if not interrupted.younger_than(name, store.written(name)):
                    interrupted.remove(name)
                leases.release(name)
