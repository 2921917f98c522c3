"""Shapes and types are checked while the tests run; eight host devices stand in for accelerators.

Workers and the commands that tests start compile each program once between them.
"""

import os
import tempfile
from dataclasses import replace

_COMPILED = tempfile.TemporaryDirectory(prefix="compiled-")  # gone when this process ends
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", _COMPILED.name)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")

import jax  # noqa: E402
import pytest  # noqa: E402
from jaxtyping import install_import_hook  # noqa: E402

jax.config.update("jax_num_cpu_devices", 8)
from research import runtime  # noqa: E402

runtime.pin()
import tests.typechecking  # noqa: E402, F401 (the hook takes the name of an imported function)

install_import_hook("research", "tests.typechecking.check")

from research import data  # noqa: E402
from research.augmentations.crop import Crop  # noqa: E402
from research.augmentations.flip import Flip  # noqa: E402
from research.data import DataConfig, Dataset  # noqa: E402
from research.models.resnet import ResNet  # noqa: E402
from research.records.store import Store  # noqa: E402
from research.training.config import RunConfig, bind  # noqa: E402
from research.training.schedules import ARTICLE  # noqa: E402


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    """256 synthetic images of 8x8 to train on, 72 to test on (not a multiple of anything)."""
    return data.load(DataConfig(train_size=256, test_size=72, image_size=8))


@pytest.fixture(scope="session")
def run(dataset: Dataset) -> RunConfig:
    """A run of two epochs of four steps on half of the images."""
    config = RunConfig(
        data=dataset.config,
        subset_size=128,
        augmentation=(Crop(2), Flip()),
        model=ResNet(width=4, blocks=(1, 1)),
        batch_size=32,
        schedule=ARTICLE.stretched(2),
        epochs=2,
    )
    return bind(config, dataset)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "results")


@pytest.fixture
def lenet_dataset() -> Dataset:
    """128 grey images of 12x12, the smallest that LeNet takes."""
    full = data.load(DataConfig(train_size=128, test_size=32, image_size=12))
    return replace(
        full,
        train_images=full.train_images[..., :1],
        test_images=full.test_images[..., :1],
        mean=full.mean[:1],
        std=full.std[:1],
    )
