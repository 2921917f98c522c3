"""Sets of encoded images as arrays: what a folder of images and Parquet shards have in common."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from research.data._arrays import Arrays, from_arrays
from research.data._config import DataConfig
from research.data._images import decode, in_threads, stack

Encoded = tuple[Sequence[tuple[str, bytes]] | Sequence[tuple[str, Path]], np.ndarray]


def decoded(title: str, config: DataConfig, splits: Mapping[str, Encoded], notes: Sequence[str]) -> Arrays:
    """Decode the images of each split, those of several sizes being resized to `config.image_size`.

    Args:
        title: what a figure's caption calls the data.
        config: names the set, and the size.
        splits: by "train" and "test", the encoded images or their files, each with what it is called in
            messages, and the labels. Without "test", a fifth of each class is held out.
        notes: what was done to them before.
    """
    stacks = {
        split: stack(in_threads(lambda item: decode(*item), images), config.image_size, config.name)
        for split, (images, _) in splits.items()
    }
    total = hashlib.sha256()
    for split, (_, labels) in splits.items():
        total.update(f"{stacks[split].fingerprint} {labels.tolist()}".encode())
    pairs = {split: (stacks[split].images, labels) for split, (_, labels) in splits.items()}
    if len({images.shape[3] for images, _ in pairs.values()}) > 1:  # one split has colours, the other none
        pairs = {
            split: (np.broadcast_to(images, (*images.shape[:3], 3)), labels)
            for split, (images, labels) in pairs.items()
        }
    said = dict.fromkeys((*notes, *(note for one in stacks.values() for note in one.notes)))
    return from_arrays(
        title,
        config.name,
        pairs["train"],
        pairs.get("test"),
        fingerprint=total.hexdigest(),
        notes=tuple(said),
    )
