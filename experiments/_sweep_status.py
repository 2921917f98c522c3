"""How many of a sweep's runs are where: what a sweep shows of itself, and others of it."""

from dataclasses import dataclass

COLUMNS = ("running", "finished", "diverged", "failed", "waiting", "runs/min", "time left")


@dataclass
class SweepStatus:
    """How many of a sweep's runs are where.

    Attributes:
        runs: all of them.
        running: being trained now.
        finished: trained to their end.
        diverged: ended because their loss was no longer finite.
        failed: given up because a device had too little memory.
        rate: runs ended a minute, lately; None: not known yet.
        left: seconds until all have ended; None: not known.
    """

    runs: int
    running: int = 0
    finished: int = 0
    diverged: int = 0
    failed: int = 0
    rate: float | None = None
    left: float | None = None

    def ended(self) -> int:
        """Runs that need nothing more."""
        return self.finished + self.diverged + self.failed

    def cells(self) -> list[str]:
        """The values of `COLUMNS`, as text."""
        waiting = max(0, self.runs - self.ended() - self.running)
        counts = (self.running, self.finished, self.diverged, self.failed, waiting)
        rate = "–" if self.rate is None else f"{self.rate:.3g}"
        return [*map(str, counts), rate, duration(self.left)]


def duration(seconds: float | None) -> str:
    """Hours, minutes and seconds: 1:02:03."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
