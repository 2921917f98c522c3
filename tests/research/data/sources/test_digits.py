"""scikit-learn's digits."""

import pytest

from research import data
from research.data import DataConfig


def test_all_1797_are_there():
    pytest.importorskip("sklearn")
    found = data.load(DataConfig("digits"))
    assert found.train_images.shape == (1437, 8, 8, 1)
    assert found.test_images.shape == (360, 8, 8, 1)
    assert found.classes == 10
    assert found.train_images.max() == 255
