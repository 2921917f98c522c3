"""Where a record comes from: command, code, versions, machine."""

import hashlib
import platform
import shlex
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "llvmlite")
"""Those on which a run's numbers depend."""


@cache
def provenance() -> dict[str, Any]:
    """Facts that let someone else repeat this process's work. No path and no host name is among them."""
    import jax  # not for those who only ask for the command or the revision

    from research import runtime

    devices = jax.local_devices()
    return {
        "command": command(),
        "revision": revision(),
        **({"members": found} if (found := members_from_outside()) else {}),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES if find_spec(name)},
        "device": f"{len(devices)} x {devices[0].device_kind}",
        "processor": processor(),
        "settings": runtime.settings(),
        **_kernels(devices[0].platform),
    }


_given: list[str] = []


def set_command(command: str) -> None:
    """This process does what that command line, given elsewhere, asked for: it is named in the records."""
    _given[:] = [command]


def command() -> str:
    """This process's command line, as a user would type it."""
    if _given:
        return _given[0]
    main = getattr(sys.modules.get("__main__"), "__spec__", None)
    program = ["python", "-m", main.name.removesuffix(".__main__")] if main else [Path(sys.argv[0]).name]
    return shlex.join([*program, *sys.argv[1:]])


def revision() -> str:
    """The git commit of this code, with "+" if files differ from it; "unknown" outside a repository."""
    here = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=here, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", ":(top)*.py")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def members_from_outside() -> dict[str, str]:
    """Members that no revision knows, "optimizers.mine" say, each with the start of its file's SHA-256.

    Sources of data are none of them: their images have a fingerprint.
    """
    home, found = Path(__file__).parents[1], {}
    for name, module in list(sys.modules.items()):
        is_ours = name.startswith("research.") and not name.startswith("research.data.")
        file = getattr(module, "__file__", None) if is_ours else None
        if file and home not in Path(file).parents:
            found[name.removeprefix("research.")] = hashlib.sha256(Path(file).read_bytes()).hexdigest()[:12]
    return found


def _kernels(platform: str) -> dict[str, int]:
    """How our own kernels are written, where there are any."""
    if platform != "cpu" or not find_spec("llvmlite"):
        return {}
    from research.kernels import lanes

    return {"kernel_lanes": lanes()}


def processor() -> str:
    """How many cores of which processor this machine has."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor()
