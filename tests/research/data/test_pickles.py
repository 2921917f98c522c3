"""What a pickle may make: built-in values and arrays. Anything else is refused, and is not executed."""

import os
import pickle

import numpy as np
import pytest

from research.data._pickles import load_arrays


class Touch:
    """A pickle that would run a command when read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [
        np.arange(6, dtype=np.uint8).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array(["a", b"b", 3, None], object),
        np.arange(3)[::-1],
        [np.int64(3), np.float32(0.5)],
        {b"labels": [1, 2], b"data": np.zeros((0, 3))},
    ],
)
def test_arrays_and_built_in_values_come_back(protocol, value):
    found = load_arrays(pickle.dumps(value, protocol))
    np.testing.assert_equal(found, value)


def test_a_command_is_refused_and_not_run(tmp_path):
    with pytest.raises(pickle.UnpicklingError, match=r"system, which is not an array"):
        load_arrays(pickle.dumps(Touch(tmp_path / "run")))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "program",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cnumpy\nload\n(S'x'\ntR.",
        b"cnumpy.lib.format\nread_array\n.",
        b"c_codecs\nencode\n(S'x'\nS'zip'\ntR.",
        b"cnumpy\nndarray.tofile\n.",
        b"ccopyreg\n_reconstructor\n.",
        b"",
        b"\x80\x04",
        pickle.dumps(np.arange(100))[:-20],
    ],
)
def test_other_programs_and_damaged_ones_are_refused(program):
    with pytest.raises(pickle.UnpicklingError):
        load_arrays(program)
