"""Which process wrote a file, and whether it is still alive: known for the processes of this machine alone.

A tag names a process in file names and in leases. It holds no host name: a machine is a hash of its boot's
id and of the process-id namespace, so that two containers of one host are never taken for each other.
"""

import hashlib
import os
import platform
from functools import cache
from pathlib import Path


@cache
def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        place = f"{boot} {Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        place = platform.node()
    return hashlib.sha256(place.encode()).hexdigest()[:8]


def tag() -> str:
    """This process: machine, process id, and when it began, for process ids are used again."""
    pid = os.getpid()
    return f"{_machine()}.{pid}.{_began(pid)}"


def is_dead(tag: str) -> bool:
    """Whether that process has ended for certain; of another machine's it is never known."""
    machine, _, rest = tag.partition(".")
    pid, _, began = rest.partition(".")
    if machine != _machine() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    now = _began(int(pid))
    return now == "ended" or (now != began and "0" not in (now, began))


def _began(pid: int) -> str:
    """A process's start in clock ticks since the boot; "ended" of a zombie; "0" where it cannot be known."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "0"
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    return "ended" if fields[0] in "ZX" else fields[19]
