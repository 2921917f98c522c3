"""The same weights and the same batches give the same losses on both sides; no time is taken before.

Both train the miniature for 50 steps in float32, momentum, weight decay and a rising learning rate included.
PyTorch's running averages keep the unbiased batch variance and Flax's the biased one; training does not read
them.
"""

from typing import Any

from benchmarks._cases import Case, Plan
from benchmarks._harness import Side, WorkerError, once

STEPS = 50
TOLERANCE = 1e-3
"""Of a loss, relative: the order of additions differs, and training amplifies the difference step by step."""


def compare(case: Case, steps: int = STEPS) -> dict[str, Any]:
    """Task `difference`: the largest relative difference between the losses, and the last losses."""

    def difference() -> tuple[float, float, float]:
        import torch  # pyright: ignore[reportMissingImports]

        from benchmarks import _ours, _torch

        ours, batches, params, rates = _ours.losses(case, steps)
        device = _torch.configure(None)
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False
        pixels = _torch.Pixels(*_torch.random_pixels(case.at(case.batch_size, 1)), device)
        run = _torch.Training(case, pixels, lambda _: 0.0)
        _torch.copy_weights(run.network, params)
        theirs = []
        for (images, labels), rate in zip(batches, rates, strict=True):
            inputs = torch.tensor(images, device=device).permute(0, 3, 1, 2)
            wanted = torch.tensor(labels, dtype=torch.int64, device=device)
            theirs.append(run.step(inputs, wanted, rate).item())
        apart = max(abs(a - b) / abs(b) for a, b in zip(ours, theirs, strict=True))
        return apart, ours[-1], theirs[-1]

    return {"difference": difference}


def check(plan: Plan) -> float:
    """The largest relative difference of 50 losses.

    Raises:
        WorkerError: it exceeds the tolerance; timings of unequal work mean nothing.
    """
    from dataclasses import replace

    case = replace(plan.small, precision="float32")
    side = Side(
        "parity",
        "benchmarks.parity:compare",
        {"case": case},
        environment={"NVIDIA_TF32_OVERRIDE": "0", "XLA_PYTHON_CLIENT_MEM_FRACTION": "0.4"},
    )
    apart, ours, theirs = once(side, "difference")[0]
    if not apart <= TOLERANCE:
        raise WorkerError(f"losses differ by {apart:.1e} of their value (last: {ours:.5f}, {theirs:.5f})")
    return apart
