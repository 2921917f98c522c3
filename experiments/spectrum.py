"""Spectrum: the whole shape of the curvature, of the Hessian and of Gauss-Newton, and how sure it is.

On runs of the learning-rate sweep: the largest eigenvalues, the spectral density and the trace, for the whole
network and for each block, from several sets of examples and several probes (`research.measures.spectrum`).

    python -m experiments.spectrum                         a miniature on synthetic images
    python -m experiments.spectrum --sets 8                more sets of examples
    python -m analysis.spectrum --label quick              the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments import lr_sweep
from experiments._command import run_experiment
from experiments.lr_sweep import LRSweep
from research.errors import require
from research.measures.spectrum import Spectrum

GROUP = "measures"


@dataclass(frozen=True)
class Spectra(LRSweep):
    """Some of the sweep's runs, with the spectrum after some of their epochs.

    Attributes:
        measured_epochs: after which epochs.
        sets: how many sets of examples, none in two of them.
        examples: in each set.
        probes: random vectors that Lanczos starts from, for each set.
        num_matvecs: depth of Lanczos.
        trace_probes: random vectors that a trace is estimated from.
    """

    measured_epochs: tuple[int, ...] = (15, 30)
    sets: int = 4
    examples: int = 2048
    probes: int = 4
    num_matvecs: int = 32
    trace_probes: int = 16

    def __post_init__(self):
        super().__post_init__()
        require(len(self.measured_epochs) >= 1, "measured_epochs", self.measured_epochs, "must name one")
        require(self.sets >= 2, "sets", self.sets, "must be at least 2: one has no spread")
        require(self.probes >= 2, "probes", self.probes, "must be at least 2: one has no spread")

    def measurements(self) -> Sequence[Spectrum]:
        return [
            Spectrum(
                run, epoch, matrix, sample, self.examples, self.probes, self.num_matvecs, self.trace_probes
            )
            for run in self.runs()
            for epoch in self.measured_epochs
            for matrix in ("hessian", "gauss_newton")
            for sample in range(self.sets)
        ]


def _of(preset: str, **changes) -> Spectra:
    """The sweep of that preset, so that the two share their runs."""
    return replace(Spectra(**vars(lr_sweep.PRESETS[preset])), **changes)


PRESETS = {
    "smoke": _of(
        "smoke",
        seeds=1,
        factors=(1,),
        subset_sizes=(64,),
        batch_sizes=(16,),
        measured_epochs=(2,),
        sets=2,
        examples=32,
        probes=2,
        num_matvecs=4,
        trace_probes=2,
    ),
    # One moment, after epoch 5, where the rate is at its peak.
    "quick": _of(
        "quick",
        seeds=1,
        factors=(1,),
        subset_sizes=(4096,),
        batch_sizes=(32,),
        measured_epochs=(5,),
        sets=3,
        examples=256,
        probes=2,
        num_matvecs=12,
        trace_probes=4,
    ),
    "paper": _of("paper", factors=(1,), subset_sizes=(50_000,), batch_sizes=(128,)),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
