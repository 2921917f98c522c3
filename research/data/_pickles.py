"""Pickled arrays, read without executing what a pickle may ask for.

A pickle is a program. This reader lets it make built-in values and NumPy arrays, and nothing else.
"""

import io
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np


def load_arrays(content: bytes) -> Any:
    """Read a pickle of built-in values and NumPy arrays.

    Raises:
        pickle.UnpicklingError: it asks for something else, or is damaged.
    """
    try:
        return _Restricted(io.BytesIO(content), encoding="bytes").load()
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # a damaged pickle may raise anything
        raise pickle.UnpicklingError(str(error)) from error


def _encode(text: str, encoding: str) -> bytes:
    """What Python 3 writes for bytes at protocol 2; other encodings would find modules by their name."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"encoding {encoding!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """What Python 3 writes for b"" at protocol 2."""
    return b""


_of_numpy = (
    np.zeros(1).__reduce__()[0],
    np.float64(0).__reduce__()[0],
)  # how arrays and numbers are made again
_buffered = np.zeros(1).__reduce_ex__(5)[0]
_ALLOWED: Mapping[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
    **{
        (f"numpy.{core}.{module}", name): function
        for core in ("core", "_core")  # before and after NumPy 2
        for module, name, function in (
            ("multiarray", "_reconstruct", _of_numpy[0]),
            ("multiarray", "scalar", _of_numpy[1]),
            ("numeric", "_frombuffer", _buffered),
        )
    },
}


class _Restricted(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return _ALLOWED[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it asks for {module_name}.{global_name}, which is not an array"
            ) from None
