"""Work handed to a Slurm cluster, through submitit: a job array, and what of it is still in the queue."""

import importlib.util
import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from research.errors import InvalidInput, require
from research.records.disk import report_disk_full, write


@dataclass(frozen=True)
class Slurm:
    """How the jobs of an array are asked for.

    Attributes:
        partition: where to; None: the cluster's default.
        time: minutes for one job. One that they do not suffice for is put into the queue again, and goes on.
        gpus: for each job; None: none are asked for.
        cpus: for each job.
        memory: for each job, in GB; None: the cluster's default.
        runs_per_job: runs that one job is to train, one after the other or side by side on its devices.
        parallel: jobs of the array that may run at the same time.
        warning: seconds before its time is up at which a job is told to stop after the epoch under way.
        requeues: how often a job that ran out of time is put into the queue again.
    """

    partition: str | None = None
    time: int = 60
    gpus: int | None = None
    cpus: int = 2
    memory: float | None = None
    runs_per_job: int = 8
    parallel: int = 16
    warning: int = 90
    requeues: int = 20

    def __post_init__(self):
        for field in ("time", "cpus", "runs_per_job", "parallel", "warning"):
            require(getattr(self, field) >= 1, f"slurm.{field}", getattr(self, field), "must be at least 1")
        require(self.requeues >= 0, "slurm.requeues", self.requeues, "must not be negative")
        require(self.gpus is None or self.gpus >= 1, "slurm.gpus", self.gpus, "must be at least 1")
        require(self.memory is None or self.memory > 0, "slurm.memory", self.memory, "must be above 0")


def require_slurm() -> None:
    """Refuse, before anything is written, what cannot be submitted from here.

    Raises:
        InvalidInput: Slurm or submitit is not installed.
    """
    found = shutil.which("sbatch") is not None
    require(found, "launcher", "slurm", "Slurm is not installed here: there is no sbatch")
    found = importlib.util.find_spec("submitit") is not None
    require(found, "launcher", "slurm", "submitit is not installed; pip install submitit")


def submit(
    work: Sequence[Callable[[], Any]], ids: Sequence[Sequence[str]], slurm: Slurm, results: Path
) -> str:
    """Submit a job array, one job for each piece of work; returns the array's number.

    Args:
        work: what each job does; it must be picklable. One that has `checkpoint`, as submitit defines it, is
            put into the queue again when its time is up or it is preempted.
        ids: names of the runs in each piece, to know later which of them are in the queue.

    Raises:
        InvalidInput: Slurm refuses it.
    """
    import submitit  # an optional extra
    from submitit.core.utils import FailedJobError

    executor = submitit.AutoExecutor(
        folder=results.absolute() / "jobs" / "%A", cluster="slurm", slurm_max_num_timeout=slurm.requeues
    )
    wanted = {
        "name": "sweep",
        "timeout_min": slurm.time,
        "gpus_per_node": slurm.gpus,
        "cpus_per_task": slurm.cpus,
        "mem_gb": slurm.memory,
        "slurm_partition": slurm.partition,
        "slurm_array_parallelism": slurm.parallel,
        "slurm_signal_delay_s": slurm.warning,
    }
    executor.update_parameters(**{key: value for key, value in wanted.items() if value is not None})
    try:
        with report_disk_full(results), executor.batch():
            jobs = [executor.submit(piece) for piece in work]
    except (FailedJobError, subprocess.CalledProcessError) as error:
        last = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise InvalidInput("launcher", "slurm", f"sbatch refuses the jobs ({last.strip()[:160]})") from error
    about = {job.job_id: list(names) for job, names in zip(jobs, ids, strict=True)}
    number = jobs[0].job_id.split("_")[0]
    with report_disk_full(results):
        write(results / "jobs" / f"{number}.json", (json.dumps(about, indent=1) + "\n").encode())
    return number


def in_the_queue(results: Path) -> set[str]:
    """Names of the runs that were submitted before and whose jobs wait or run."""
    submitted: dict[str, list[str]] = {}
    for path in (results / "jobs").glob("*.json"):
        try:
            submitted |= json.loads(path.read_text())
        except (
            OSError,
            ValueError,
        ):  # half-written by a command that was killed: its runs are submitted again
            continue
    if not submitted:
        return set()
    listed = subprocess.run(
        ["squeue", "--noheader", "--array", "--format=%i"], capture_output=True, text=True, check=False
    )
    alive = set(listed.stdout.split())
    return {name for job, names in submitted.items() if job in alive for name in names}
