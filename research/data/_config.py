"""What says which images a run is trained on."""

from dataclasses import dataclass, field

from research.errors import require


@dataclass(frozen=True)
class Synthetic:
    """How hard the synthetic classes are to tell apart. Amplitudes are relative to the prototypes'.

    Attributes:
        classes: number of classes.
        prototypes: patterns per class.
        nuisance: amplitude of the smooth field that each image adds.
        noise: amplitude of the white noise that each image adds.
        seed: everything is drawn from it.
    """

    classes: int = 10
    prototypes: int = 2
    nuisance: float = 0.7
    noise: float = 0.3
    seed: int = 0

    def __post_init__(self):
        require(self.classes >= 2, "data.synthetic.classes", self.classes, "must be at least 2")
        require(self.prototypes >= 1, "data.synthetic.prototypes", self.prototypes, "must be at least 1")
        for name in ("nuisance", "noise"):
            value = getattr(self, name)
            require(0 <= value < 100, f"data.synthetic.{name}", value, "must be in 0 .. 100")
        require(self.seed >= 0, "data.synthetic.seed", self.seed, "must not be negative")


@dataclass(frozen=True)
class DataConfig:
    """Which images. With `fingerprint` filled in (by `load`), it says exactly which.

    Attributes:
        name: synthetic, noise, digits, mnist, cifar10, cifar100, tfds:NAME, tfds:NAME/CONFIG, or the path of
            a file or folder of images; `docs/data.md` has the table of what is read.
        train_size: keep this number of training images, a class-balanced choice; None: all (synthetic: 4096).
        test_size: keep this number of test images, likewise; None: all (synthetic: 1024).
        image_size: side in pixels, which real images are resized to by area. None: as they are (synthetic:
            32).
        subset_seed: decides which images the nested subsets hold.
        synthetic: difficulty of the synthetic images; no other data set looks at it.
        fingerprint: SHA-256 of the images and labels as read, or the version of images that this project
            makes. Empty accepts any; `load` fills it in, and refuses data that does not match one that is
            given.
    """

    name: str = "synthetic"
    train_size: int | None = None
    test_size: int | None = None
    image_size: int | None = None
    subset_seed: int = 0
    synthetic: Synthetic = field(default_factory=Synthetic)
    fingerprint: str = ""

    def __post_init__(self):
        for name in ("train_size", "test_size", "image_size"):
            value = getattr(self, name)
            require(value is None or value >= 1, f"data.{name}", value, "must be at least 1, or None")
        require(self.subset_seed >= 0, "data.subset_seed", self.subset_seed, "must not be negative")
