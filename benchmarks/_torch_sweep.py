"""PyTorch's own learning-rate sweep: `python -m benchmarks._torch_sweep`, one process's part of the runs.

The same runs as `experiments.lr_sweep` with one seed: images, subsets, learning rates, augmentation, test
loss after every epoch, training loss after the last, a run ended at its first loss that is not finite. A
JSON file for each run takes the record's place.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch  # pyright: ignore[reportMissingImports]

from benchmarks._cases import MINIATURE, TINY, Case
from benchmarks._torch import Pixels, Training, configure
from research import data
from research.data import DataConfig

# Epochs, and knots of the schedule at factor 1: the article's, stretched, as the presets have it.
EPOCHS = {"quick": 12, "smoke": 2}
KNOTS, VALUES = (0, 15 / 35, 30 / 35, 1), (0.0, 1.0, 0.05, 0.0)


def main() -> None:
    """Train this part's runs, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=EPOCHS, default="quick")
    parser.add_argument("--part", default="0/1", help="number of this process, and of how many")
    parser.add_argument("--subset-sizes", default="512,2048")
    parser.add_argument("--factors", default="1")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--results", type=Path, required=True)
    options = parser.parse_args()
    device = configure(options.threads)
    quick = options.preset == "quick"
    case = MINIATURE if quick else TINY
    train, test = (4096, 512) if quick else (256, 64)
    dataset = data.load(DataConfig(train_size=train, test_size=test, image_size=case.image_size))
    pixels = Pixels(dataset.train_images, dataset.train_labels, device)
    tested = Pixels(dataset.test_images, dataset.test_labels, device)
    sizes = sorted(map(int, options.subset_sizes.split(",")), reverse=True)
    runs = [(size, float(factor)) for size in sizes for factor in options.factors.split(",")]
    number, processes = map(int, options.part.split("/"))
    for size, factor in runs[number::processes]:
        found = _train(case, pixels, tested, size, factor, EPOCHS[options.preset])
        path = options.results / f"{size}-{factor}.json"
        path.write_text(json.dumps(found))


def _train(
    case: Case, pixels: Pixels, tested: Pixels, size: int, factor: float, epochs: int
) -> dict[str, list[float]]:
    """Mean training loss and test loss of each epoch, and the last training loss."""

    def rate(epoch: float) -> float:
        peak = case.rate * factor * case.batch_size / 128
        return peak * float(np.interp(epoch / epochs, KNOTS, VALUES))

    run = Training(case, pixels, rate)
    found: dict[str, list[float]] = {"seen": [], "test": [], "train": []}
    on_cpu = run.device.type == "cpu"
    for _ in range(epochs):
        losses = []
        for loss in run.steps(size):
            # Asking a GPU at every step would make it wait.
            losses.append(loss.item() if on_cpu else loss)
            if on_cpu and not math.isfinite(losses[-1]):
                return found
        seen = float(np.mean(losses)) if on_cpu else torch.stack(losses).mean().item()
        if not math.isfinite(seen):
            return found
        found["seen"].append(seen)
        found["test"].append(run.evaluate(*_of(tested))[0])
    images, labels = _of(pixels)
    found["train"].append(run.evaluate(images[:size], labels[:size])[0])
    return found


def _of(pixels: Pixels) -> tuple[torch.Tensor, torch.Tensor]:
    return pixels.images, pixels.labels


if __name__ == "__main__":
    main()
