"""Sweeps that are killed, starved of disk, damaged, started many at a time: what is lost, what is wrong.

python -m tests.faults                  all rows, minutes; for root, who can mount a small disk
python -m tests.faults --only killed    one of them
python -m tests.faults --write          and the table goes into docs/reliability.md

Every row starts real processes over a results folder and compares the records at the end with those of a
sweep that nothing happened to, value for value. *Lost* counts runs without a record, or whose record, once
there, was made again without need; *wrong* counts records that differ, messages that are not as promised, and
files that stay behind. Each of either is named on stderr.
"""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import jax

from commandline import exit_with, parse
from experiments import train
from experiments._command import run_experiment
from research import data
from research.augmentations.crop import Crop
from research.augmentations.flip import Flip
from research.data import DataConfig
from research.errors import require
from research.measures.noise import GradientNoise
from research.measures.replay import Replay
from research.measures.sharpness import Sharpness
from research.models.resnet import ResNet
from research.records.identity import identity
from research.records.store import Store
from research.sweeps.measure import measure_missing
from research.sweeps.sweep import Summary, sweep
from research.training.config import RunConfig, bind
from research.training.schedules import ARTICLE
from research.training.sharding import use_host_devices

# Less optimised, compiled sooner, and once: what is computed is not the point here; it is the same for all.
_COMPILED = tempfile.TemporaryDirectory(prefix="compiled-")
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

DATASET = data.load(DataConfig(train_size=128, test_size=32, image_size=8))
BASE = RunConfig(
    data=DATASET.config,
    subset_size=64,
    augmentation=(Crop(1), Flip()),
    model=ResNet(width=2, blocks=(1,)),
    batch_size=32,
    schedule=ARTICLE.stretched(6),
    epochs=6,
)
RUNS = [
    bind(replace(BASE, seed=seed, subset_size=size, factor=factor), DATASET)
    for size in (64, 128)
    for factor in (1.0, 1e20)
    for seed in range(10)
]
KEEP = {RUNS[0]: (2, 4), RUNS[-1]: (1,)}
MEASUREMENTS = [
    measurement
    for epoch in KEEP[RUNS[0]]
    for measurement in (
        Replay(RUNS[0], epoch, 2),
        GradientNoise(RUNS[0], epoch, (16, 32)),
        *(Sharpness(RUNS[0], epoch, 64, depth) for depth in range(2, 10)),
    )
]
COMMAND = (
    "--preset smoke --base.data.train-size 128 --base.data.test-size 32 --base.batch-size 32 --base.epochs 6 "
    "--base.model.width 2 --base.model.blocks 1 --seeds 20 --checkpoint-every 1 --results"
)
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


@dataclass
class Tally:
    """What a row of the table says."""

    tried: int = 0
    lost: int = 0
    wrong: int = 0
    where: str = ""

    def note_lost(self, what: Collection[str], why: str) -> None:
        """Count, and name, what was lost."""
        self.lost += len(what)
        _say("lost", what, why)

    def note_wrong(self, what: Collection[str], why: str) -> None:
        """Count, and name, what is wrong."""
        self.wrong += len(what)
        _say("wrong", what, why)

    def require(self, right: bool, why: str) -> None:
        """Count as wrong, and name, what is not so."""
        self.note_wrong([] if right else [f"trial {self.tried}"], why)


def _say(how: str, what: Collection[str], why: str) -> None:
    for each in what:
        print(f"{how}: {each}: {why}", file=sys.stderr, flush=True)


def child(action: Callable[[], int | None], output: Path | None = None) -> int:
    """Run something in a process of its own, in which JAX has not been used; returns its number."""
    sys.stdout.flush()
    sys.stderr.flush()
    if pid := os.fork():
        return pid
    status = 1
    try:
        with open(output or os.devnull, "a") as file:  # noqa: PTH123 (a name, not always a path)
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        use_host_devices(2)
        jax.config.update("jax_compilation_cache_dir", _COMPILED.name)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
        status = action() or 0
    except SystemExit as stop:
        status = int(stop.code or 0)
    except BaseException as error:
        print(repr(error), file=sys.stderr)
    finally:
        sys.stderr.flush()
        sys.stdout.flush()
        os._exit(status)


def ended(pid: int) -> int:
    """Wait for a child; its exit status, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def plain_sweep(results: Path, said: Path | None = None) -> None:
    """The sweep of all rows, to its end unless something happens to it."""
    summary = sweep(RUNS, DATASET, Store(results), keep=KEEP, checkpoint_every=1)
    if said is not None:
        said.write_text(repr(summary))


def plain_measuring(results: Path) -> None:
    """The measurements of some of its runs, to their end unless something happens to them."""
    measure_missing(MEASUREMENTS, DATASET, Store(results))


def command(results: Path) -> None:
    """The same kind of sweep as a user starts it."""
    sys.argv = ["train", *COMMAND.split(), str(results)]
    run_experiment(train.PRESETS, train.__doc__, "train", sys.argv[1:])


def records(results: Path) -> dict[str, int]:
    """When each record was written, in nanoseconds."""
    paths = results.glob("records/[!.]*/record.json")
    return {path.parent.name: path.stat().st_mtime_ns for path in paths}


def made_again(results: Path, written: dict[str, int]) -> list[str]:
    """Of records that were there, those that are no more, or were written again."""
    now = records(results)
    return [name for name, when in written.items() if now.get(name) != when]


def compare(results: Path, reference: Path, tally: Tally, written: dict[str, int] | None = None) -> None:
    """Count what a results folder lacks of the reference's records, and what in it differs."""
    where, expected, found = results.name, records(reference), records(results)
    tally.note_lost(expected.keys() - found.keys(), f"no record in {where}")
    tally.note_wrong(found.keys() - expected.keys(), f"a record of {where} that nobody asked for")
    for name in sorted(expected.keys() & found.keys()):
        try:
            differs = _difference(Store(results), Store(reference), name)
        except ValueError as error:
            differs = str(error)
        tally.note_wrong([name] if differs else [], f"in {where} {differs}")
    tally.note_lost(made_again(results, written or {}), f"in {where} it was there and was made again")
    left = [*results.glob("unfinished/*"), *results.glob("leases/*"), *results.glob("records/.tmp-*")]
    tally.note_wrong([str(path.relative_to(results)) for path in left], f"left behind in {where}")


def _difference(one: Store, other: Store, name: str) -> str:
    """What differs between two records of one run; nothing: they are equal."""
    kept = [sorted(p.name for p in s.folder.glob(f"records/{name}/checkpoints/*")) for s in (one, other)]
    if one.verified(name) is None:
        return "there is no whole record"
    if not one.read(name)[1].equals(other.read(name)[1]):
        return "its rows differ"
    if _outcome(one, name) != _outcome(other, name):
        return f"its outcome is {_outcome(one, name)}, not {_outcome(other, name)}"
    return "" if kept[0] == kept[1] else f"its states are {kept[0]}, not {kept[1]}"


def _outcome(store: Store, name: str) -> dict:
    outcome = store.outcome(name) or {}
    return {key: value for key, value in outcome.items() if key not in ("seconds", "resumed")}


def killed(folder: Path, reference: Path, chance: random.Random) -> Tally:
    """SIGKILL, once the sweep is at work: anywhere, while a checkpoint is written, while a record is."""
    tally, hits = Tally(), {"anywhere": 0, "checkpoint": 0, "record": 0}
    while tally.tried < 50:
        results, written = folder / f"killed-{tally.tried}", {}
        while tally.tried < 50:
            pid = child(lambda results=results: plain_sweep(results))
            moment = ("anywhere", "checkpoint", "record")[tally.tried % 3]
            if not _kill_when(pid, results, moment, chance):
                break  # it was done
            hits[moment] += 1
            tally.tried += 1
            tally.note_lost(made_again(results, written), f"after a kill in {results.name}")
            written = records(results)
        else:
            ended(child(lambda results=results: plain_sweep(results)))
        status = ended(child(lambda results=results: plain_sweep(results)))
        tally.require(status == 0, f"the last sweep of {results.name} ended with {status}")
        compare(results, reference, tally, written)
    tally.where = ", ".join(f"{count} {moment}" for moment, count in hits.items())
    return tally


def _kill_when(
    pid: int, results: Path, moment: str, chance: random.Random, at_work: str = "unfinished/*/epoch-*"
) -> bool:
    """Kill a child at that moment; False: it ended before.

    Args:
        at_work: files that come up once it is in the midst of its work.
    """
    patterns = {"anywhere": "leases/*", "checkpoint": "unfinished/*/.tmp-*", "record": "records/.tmp-*-*"}
    if moment == "anywhere" and chance.random() < 0.75:  # at work; else where it starts
        patterns["anywhere"] = at_work
    before = {path for pattern in patterns.values() for path in results.glob(pattern)}
    passes = chance.randrange(1, 8) if moment != "anywhere" else 1
    seen: set[Path] = set()
    while len(seen) < passes:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return False
        # A probe of the folder is no record.
        with contextlib.suppress(FileNotFoundError):  # a folder that went away meanwhile
            seen |= {path for path in results.glob(patterns[moment]) if "probe" not in path.name} - before
        time.sleep(0.0005)
    time.sleep(chance.uniform(0, 1.0) if moment == "anywhere" else chance.uniform(0, 0.01))
    os.kill(pid, signal.SIGKILL)
    return ended(pid) == -signal.SIGKILL


def killed_measuring(folder: Path, reference: Path, chance: random.Random) -> Tally:
    """SIGKILL while frozen models are measured: anywhere, and while a measurement's record is written."""
    tally, whole, hits = Tally(), folder / "whole", {"anywhere": 0, "record": 0}
    shutil.copytree(reference, whole)
    ended(child(lambda: plain_measuring(whole)))
    while tally.tried < 20:
        results = folder / f"measuring-{tally.tried}"
        shutil.copytree(reference, results)
        written = records(results)
        while tally.tried < 20:
            pid = child(lambda results=results: plain_measuring(results))
            moment = ("anywhere", "record")[tally.tried % 2]
            if not _kill_when(pid, results, moment, chance, "leases/*"):
                break  # it was done
            hits[moment] += 1
            tally.tried += 1
            tally.note_lost(made_again(results, written), f"after a kill in {results.name}")
            written = records(results)
        status = ended(child(lambda results=results: plain_measuring(results)))
        tally.require(status == 0, f"the last measuring of {results.name} ended with {status}")
        compare(results, whole, tally, written)
    tally.where = ", ".join(f"{count} {moment}" for moment, count in hits.items())
    return tally


def full_disk(folder: Path, reference: Path, chance: random.Random) -> Tally:
    """A disk of some kilobytes, then a larger one, until the sweep ends."""
    del reference
    tally, whole = Tally(), folder / "whole"
    ended(child(lambda: command(whole)))
    for trial in range(4):
        disk = folder / f"disk-{trial}"
        disk.mkdir()
        size, said = 100 + chance.randrange(200), folder / f"disk-{trial}.txt"
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", disk], check=True)
        try:
            written: dict[str, int] = {}
            while (status := ended(child(lambda disk=disk: command(disk / "r"), said))) != 0:
                tally.tried += 1
                text = said.read_text()
                beside = (
                    "warning: ",
                    "note: ",
                    "on ",
                )  # what was set aside, what data there is, which devices
                lines = [line for line in text.splitlines() if not line.startswith(beside)]
                right = len(lines) == 1 and re.fullmatch(
                    r"error: results is .*: no space is left there.*", lines[0]
                )
                tally.require(status == 2 and bool(right), f"exit status {status}, and it said\n{text}")
                said.unlink()
                tally.note_lost(made_again(disk / "r", written), f"after disk {trial} was full")
                written, size = records(disk / "r"), size + 200 + chance.randrange(600)
                subprocess.run(["mount", "-o", f"remount,size={size}k", disk], check=True)
            compare(disk / "r", whole, tally, written)
        finally:
            subprocess.run(["umount", disk], check=True)
    return tally


FILES = {
    "record": "records/{record}/record.json",
    "rows": "records/{record}/metrics.parquet",
    "kept state": "records/{kept}/checkpoints/0002/**/*",
    "kept state's checksums": "records/{kept}/checkpoints/0002/checksums.json",
    "unfinished run's state": "unfinished/{unfinished}/epoch-*/state/**/*",
    "unfinished run's rows": "unfinished/{unfinished}/epoch-*/run.json",
    "unfinished run's checksums": "unfinished/{unfinished}/epoch-*/checksums.json",
}


def damaged(folder: Path, reference: Path, chance: random.Random) -> Tally:
    """A file cut off, emptied, with one bit changed, or gone."""
    said, printed = folder / "damaged.txt", folder / "printed.txt"
    status = ended(child(lambda: _damage_all(folder, reference, chance, said), printed))
    sys.stderr.write(printed.read_text())
    if status != 0:
        return Tally(wrong=1)
    tried, lost, wrong = map(int, said.read_text().split())
    return Tally(tried, lost, wrong, f"{len(FILES)} kinds of file, 4 of damage")


def _damage_all(folder: Path, reference: Path, chance: random.Random, said: Path) -> None:
    tally, trial = Tally(), folder / "trial"
    names = {"record": identity(RUNS[3]), "kept": identity(RUNS[0]), "unfinished": identity(RUNS[5])}
    for kind, pattern in FILES.items():
        for change in ("cut off", "emptied", "a bit", "gone"):
            shutil.rmtree(trial, ignore_errors=True)
            shutil.copytree(reference, trial)
            if "unfinished" in pattern:
                shutil.rmtree(trial / "records" / names["unfinished"])
                _leave_unfinished(trial)
            before = records(trial)
            files = [path for path in trial.glob(pattern.format(**names)) if path.is_file()]
            _damage(max(files, key=lambda path: path.stat().st_size), change, chance)
            warnings: list[str] = []
            summary = sweep(RUNS, DATASET, Store(trial), keep=KEEP, warn=warnings.append)
            tally.tried += 1
            told = len(warnings) == 1 and "is damaged" in warnings[0]
            tally.require(summary.finished == 1 and told, f"{kind} {change}: {summary}, {warnings}")
            aside = [path.name for path in trial.glob("damaged/*")]
            tally.require(len(aside) == 1, f"{kind} {change}: set aside were {aside}")
            again = set(made_again(trial, before))
            if "records" in pattern:  # the damaged one, and no other
                again ^= {names["kept" if "{kept}" in pattern else "record"]}
            tally.note_lost(again, f"{kind} {change}: made again, or not, against what is right")
            compare(trial, reference, tally)
    said.write_text(f"{tally.tried} {tally.lost} {tally.wrong}")


def _leave_unfinished(results: Path) -> None:
    epochs = []
    sweep(
        RUNS[5:6],
        DATASET,
        Store(results),
        checkpoint_every=1,
        watch=epochs.append,
        stop=lambda: len(epochs) > 2,
    )


def _damage(path: Path, change: str, chance: random.Random) -> None:
    content = path.read_bytes()
    # Not among a JSON file's white space, where a change means nothing.
    at = chance.choice([index for index, byte in enumerate(content) if byte not in b" \n"])
    if change == "gone":
        path.unlink()
    elif change == "cut off":
        path.write_bytes(content[:at])
    else:
        flipped = content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]
        path.write_bytes(flipped if change == "a bit" else b"")


def ctrl_c(folder: Path, reference: Path, chance: random.Random) -> Tally:
    """Ctrl-C at a random moment of the work."""
    del reference
    tally, whole = Tally(), folder / "whole"
    ended(child(lambda: command(whole)))
    while tally.tried < 8:
        results = folder / f"ctrl-c-{tally.tried}"
        for part in range(3):
            said = folder / f"said-{tally.tried}-{part}.txt"
            pid = child(lambda results=results: command(results), said)
            before = set(results.glob("unfinished/*/epoch-*"))
            # In training, but for every third, which is stopped where it starts.
            pattern = "leases/*" if part == 2 else "unfinished/*/epoch-*"
            while set(results.glob(pattern)) <= before and _is_running(pid):
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 1))
            if _is_running(pid):
                os.kill(pid, signal.SIGINT)
            status = ended(pid)
            if status == 0:
                break
            tally.tried += 1
            text = said.read_text()
            right = (
                re.search(r"\d+ of 20 runs are done, \d+ are left", text) and f"{COMMAND} {results}" in text
            )
            right = status == 130 and right and "Traceback" not in text
            tally.require(bool(right), f"exit status {status}, and it said\n{text}")
        written = records(results)
        ended(child(lambda results=results: command(results)))
        compare(results, whole, tally, written)
    return tally


def _is_running(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def failing(folder: Path, reference: Path, chance: random.Random) -> Tally:
    """Runs whose loss becomes NaN, and runs for which there is no memory, among others."""
    del chance
    tally, said = Tally(), folder / "failing.txt"
    huge = [replace(run, model=replace(BASE.model, width=1_000_000)) for run in RUNS[:5]]

    def action() -> None:
        said.write_text(repr(sweep([*huge, *RUNS], DATASET, Store(folder / "failing"), keep=KEEP)))

    ended(child(action))
    summary = eval(said.read_text(), {"Summary": Summary})  # written by the child above
    tally.tried = summary.diverged + summary.out_of_memory
    counted = (summary.finished, summary.diverged, summary.out_of_memory)
    tally.require(counted == (20, 20, 5), f"finished, diverged and out of memory were {counted}")
    for run in huge:
        outcome = Store(folder / "failing").outcome(identity(run))
        right = outcome is not None and outcome["status"] == "out_of_memory"
        tally.require(right, f"the outcome of a run without memory is {outcome}")
        shutil.rmtree(folder / "failing" / "records" / identity(run))
    compare(folder / "failing", reference, tally)
    return tally


def at_once(count: int, times: int) -> Callable[[Path, Path, random.Random], Tally]:
    """Several launchers over one folder."""

    def row(folder: Path, reference: Path, chance: random.Random) -> Tally:
        tally = Tally()
        for trial in range(times):
            results = folder / f"{count}-at-once-{trial}"
            said = [folder / f"{count}-{trial}-{index}.txt" for index in range(count)]
            pids = []
            for path in said:
                pids.append(child(lambda path=path, results=results: plain_sweep(results, path)))
                time.sleep(chance.uniform(0, 0.2))
            tally.tried += 1
            for status in map(ended, pids):
                tally.require(status == 0, f"a launcher ended with {status}")
            summaries = [eval(path.read_text(), {"Summary": Summary}) for path in said]
            trained = sum(summary.finished + summary.diverged for summary in summaries)
            # Trained twice, or not at all.
            tally.note_lost(["a run"] * abs(trained - len(RUNS)), f"{trained} of {len(RUNS)} were trained")
            compare(results, reference, tally)
        return tally

    return row


ROWS: dict[str, tuple[str, Callable[[Path, Path, random.Random], Tally]]] = {
    "killed": ("SIGKILL at a random moment", killed),
    "measuring": ("SIGKILL while models are measured", killed_measuring),
    "full_disk": ("a full disk", full_disk),
    "damaged": ("a damaged file", damaged),
    "ctrl_c": ("Ctrl-C", ctrl_c),
    "failing": ("a run that goes to NaN, or is out of memory", failing),
    "two": ("two launchers at once", at_once(2, 5)),
    "eight": ("eight launchers at once", at_once(8, 2)),
}


@dataclass(frozen=True)
class Options:
    """What to try.

    Attributes:
        only: names of rows; none: all of them.
        seed: of the random moments.
        write: put the table into docs/reliability.md.
    """

    only: tuple[str, ...] = ()
    seed: int = 0
    write: bool = False


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Try, print the table, and fail where anything was lost or wrong."""
    options = parse(Options, "tests.faults", __doc__, sys.argv[1:], Options())
    for name in options.only:
        require(name in ROWS, "only", name, f"must be among {', '.join(ROWS)}")
    lines = ["| fault | times tried | lost | wrong |", "| --- | --- | --- | --- |"]
    bad = 0
    with _folder() as folder:
        ended(child(lambda: plain_sweep(folder / "reference")))
        for name in options.only or ROWS:
            title, row = ROWS[name]
            (folder / name).mkdir()
            tally = row(folder / name, folder / "reference", random.Random(f"{options.seed} {name}"))
            what = f"{title} ({tally.where})" if tally.where else title
            lines.append(f"| {what} | {tally.tried} | {tally.lost} | {tally.wrong} |")
            print(lines[-1], flush=True)
            bad += tally.lost + tally.wrong
    table = "\n".join(lines)
    print(f"\n{table}")
    if options.write:
        begin, end = "<!-- faults -->\n", "\n<!-- end of faults -->"
        before, _, rest = PAGE.read_text().partition(begin)
        PAGE.write_text(before + begin + table + end + rest.partition(end)[2])
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    exit_with(main)
