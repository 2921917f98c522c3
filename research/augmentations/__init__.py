"""Augmentations: a file for each; a run has a sequence of them."""

from pkgutil import extend_path

from research.augmentations._augmentation import Augmentation, augmented, require_fitting

__path__ = extend_path(__path__, __name__)
__all__ = ["Augmentation", "augmented", "require_fitting"]
