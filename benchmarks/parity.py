"""The same weights and the same batches give the same losses on both sides; no time is taken before.

Both train the miniature for 50 steps in float32, by SGD with momentum and weight decay, and by Adam; a rising
learning rate included.
PyTorch's running averages keep the unbiased batch variance and Flax's the biased one; training does not read
them.
"""

from dataclasses import replace
from typing import Any

from benchmarks._cases import Case, Plan
from benchmarks._harness import Side, WorkerError, once

STEPS, TOLERANCE = 50, 1e-2
FIRST, FIRST_TOLERANCE = 5, 1e-5
"""Relative differences of losses that are allowed, in all the steps and in the first few.

The order of additions differs. Where that decides on which side of a ReLU a value near zero falls, the two
gradients differ by a jump, and training carries it on: PyTorch departs from itself in float64 by as much.
"""


RATES = {"sgd": 1 / 16, "adam": 1 / 200}
"""By optimizer, what the case's rate is multiplied by: jumps are then carried on less far. Adam's customary
rate is a hundredth of SGD's."""


def compare(case: Case, steps: int = STEPS, optimizer: str = "sgd") -> dict[str, Any]:
    """Task `differences`: of each step's losses, relative; by an optimizer at its defaults."""

    def differences() -> list[float]:
        import torch  # pyright: ignore[reportMissingImports]

        from benchmarks import _ours, _torch
        from research.optimizers import Optimizer

        ours, batches, params, rates = _ours.losses(case, steps, Optimizer.member(optimizer)())
        device = _torch.configure(None)
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False
        pixels = _torch.Pixels(*_torch.random_pixels(case.at(case.batch_size, 1)), device)
        run = _torch.Training(case, pixels, lambda _: 0.0, optimizer=optimizer)
        _torch.copy_weights(run.network, params)
        theirs = []
        for (images, labels), rate in zip(batches, rates, strict=True):
            inputs = torch.tensor(images, device=device).permute(0, 3, 1, 2)
            wanted = torch.tensor(labels, dtype=torch.int64, device=device)
            theirs.append(run.step(inputs, wanted, rate).item())
        return [abs(a - b) / abs(b) for a, b in zip(ours, theirs, strict=True)]

    return {"differences": differences}


def check(plan: Plan) -> str:
    """What was found, in words.

    Raises:
        WorkerError: the losses differ by more than the tolerances; timings of unequal work mean nothing.
    """
    said = [_checked(plan, optimizer, scale) for optimizer, scale in RATES.items()]
    return "; ".join(said)


def _checked(plan: Plan, optimizer: str, scale: float) -> str:
    """By one optimizer."""
    case = replace(plan.small, precision="float32", rate=plan.small.rate * scale)
    side = Side(
        "parity",
        "benchmarks.parity:compare",
        {"case": case, "optimizer": optimizer},
        environment={"NVIDIA_TF32_OVERRIDE": "0", "XLA_PYTHON_CLIENT_MEM_FRACTION": "0.4"},
    )
    apart = once(side, "differences")[0]
    said = (
        f"{optimizer}: losses within {max(apart):.1e} in {STEPS} steps, "
        f"{max(apart[:FIRST]):.1e} in the first {FIRST}"
    )
    if not (max(apart) <= TOLERANCE and max(apart[:FIRST]) <= FIRST_TOLERANCE):
        raise WorkerError(f"the two sides do not do the same work: {said}")
    return said
