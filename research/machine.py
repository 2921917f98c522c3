"""How many cores and how much memory this process may use: what affinity, containers and others leave.

Linux's control groups say so in files, in two versions of them; elsewhere the machine's own numbers stand.
"""

import hashlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")
MOST_HOST_DEVICES = 1024
"""That a CPU is split into: far beyond any host's cores, and JAX takes minutes to make as many."""


def usable_cores(root: Path = ROOT) -> int:
    """Processor cores that this process may keep busy, at least 1: those of its affinity, or its quota's.

    Args:
        root: where `proc` and `sys` are.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = []
    for folder in _groups(root, "cpu"):
        words = _read(folder / "cpu.max").split() or [
            _read(folder / "cpu.cfs_quota_us").strip(),
            _read(folder / "cpu.cfs_period_us").strip(),
        ]
        if len(words) == 2 and all(word.isdigit() for word in words):  # not "max", not "-1": no quota
            quotas.append(int(words[0]) // max(1, int(words[1])))
    return max(1, min([cores, *quotas]))


def free_memory(root: Path = ROOT) -> int | None:
    """Bytes that this process can still take without swapping; None: not known."""
    free = []
    for line in _read(root / "proc" / "meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            free.append(int(line.split()[1]) * 1024)
    for folder in _groups(root, "memory"):
        for most, used in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            limit, now = _read(folder / most).strip(), _read(folder / used).strip()
            if limit.isdigit() and now.isdigit():
                free.append(max(0, int(limit) - int(now)) + _reclaimable(folder))
    return min(free, default=None)


def instruction_set(root: Path = ROOT) -> str:
    """A name for the processor's instructions: what is compiled for them runs where the name is the same."""
    lines = _read(root / "proc" / "cpuinfo").splitlines()
    said = sorted(
        {line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))}
    )
    return hashlib.sha256(" ".join([platform.machine(), *said]).encode()).hexdigest()[:8]


def _reclaimable(folder: Path) -> int:
    """Files' pages count as used until someone needs the room."""
    for line in _read(folder / "memory.stat").splitlines():
        if line.startswith(("inactive_file ", "total_inactive_file ")):
            return int(line.split()[1])
    return 0


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The control groups that this process is in, the outer ones included: each of them may set a limit."""
    mounted = root / "sys" / "fs" / "cgroup"
    for line in _read(root / "proc" / "self" / "cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            top = mounted
        elif controller in controllers.split(","):
            top = mounted / controller
        else:
            continue
        inner = Path(path.strip("/"))
        # Inside a container its own group is what is mounted, whatever the path says.
        yield from (top / part for part in (inner, *inner.parents) if ".." not in part.parts)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
