"""A Slurm of one node on the loopback interface, from Debian's packages; for root, on a machine for tests.

python -m tests.slurm.cluster COMMAND ...    install, start, run the command in it, stop

It ends only the processes that it started: munged, slurmctld and slurmd, and through them their jobs.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PACKAGES = {"sbatch": "slurm-wlm", "munged": "munge"}
CONFIGURATION = """
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=10
CredType=cred/munge
SlurmctldPort=16817
SlurmdPort=16818
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldParameters=idle_on_node_suspend
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
SwitchType=switch/none
JobRequeue=1
KillWait=5
ReturnToService=2
SchedulerParameters=batch_sched_delay=0,sched_interval=2
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 State=UNKNOWN
PartitionName=loopback Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def install() -> None:
    """Debian's packages, if they are not there."""
    lacking = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if lacking:
        apt = ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
        subprocess.run([*apt, "update"], check=True, stdout=subprocess.DEVNULL)
        command = [*apt, "install", "--yes", "--no-install-recommends", *lacking]
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)


@contextlib.contextmanager
def cluster() -> Iterator[Path]:
    """Start Slurm; inside, `SLURM_CONF` names its configuration. Gives the folder with its logs."""
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)  # munged's user has to reach its own
    started: list[subprocess.Popen] = []
    before = os.environ.get("SLURM_CONF")
    try:
        os.environ["SLURM_CONF"] = str(_configure(folder))
        started.append(_munged(folder / "munge"))
        _wait_for((folder / "munge" / "socket").exists, "munged", folder)
        for daemon in ("slurmctld", "slurmd"):
            log = (folder / f"{daemon}.log").open("w")
            started.append(subprocess.Popen([daemon, "-D"], stdout=log, stderr=subprocess.STDOUT))
        _wait_for(_is_idle, "the node", folder)
        yield folder
    finally:
        subprocess.run(["scancel", "--user=root"], check=False, capture_output=True, timeout=30)
        deadline = time.monotonic() + 20
        while _output("squeue", "--noheader") and time.monotonic() < deadline:
            time.sleep(0.5)
        for process in reversed(started):
            process.terminate()
        for process in started:
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        os.environ.pop("SLURM_CONF")
        if before is not None:
            os.environ["SLURM_CONF"] = before
        shutil.rmtree(folder, ignore_errors=True)


def _configure(folder: Path) -> Path:
    for name in ("state", "spool", "munge"):
        (folder / name).mkdir()
    host = os.uname().nodename.split(".")[0]
    path = folder / "slurm.conf"
    path.write_text(CONFIGURATION.format(host=host, folder=folder))
    return path


def _munged(folder: Path) -> subprocess.Popen:
    """The authentication service, in the foreground, as its own user: it refuses to be root's."""
    (folder / "key").write_bytes(os.urandom(1024))
    (folder / "key").chmod(0o400)
    for path in (folder, folder / "key"):
        shutil.chown(path, "munge", "munge")
    paths = {"socket": "socket", "key-file": "key", "pid-file": "pid", "seed-file": "seed"}
    options = [f"--{option}={folder / name}" for option, name in paths.items()]
    log = (folder.parent / "munged.log").open("w")
    return subprocess.Popen(
        ["munged", "--foreground", *options],
        user="munge",
        group="munge",
        stdout=log,
        stderr=subprocess.STDOUT,
    )


def _is_idle() -> bool:
    return _output("sinfo", "--noheader", "--format=%T") == "idle"


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return done.stdout.strip()


def _wait_for(condition, what: str, folder: Path) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            logs = "\n".join(path.read_text()[-2000:] for path in folder.glob("*.log"))
            raise TimeoutError(f"{what} did not start\n{logs}")
        time.sleep(0.2)


if __name__ == "__main__":
    install()
    with cluster():
        sys.exit(subprocess.run(sys.argv[1:], check=False).returncode)
