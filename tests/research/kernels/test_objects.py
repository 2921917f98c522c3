"""Compiled kernels are kept in JAX's cache folder, and never used when they are damaged or another's."""

import errno
from pathlib import Path

import jax
import pytest

from research.kernels import _objects
from research.kernels._processor import ARMV8, written_for


@pytest.fixture
def cache(tmp_path):
    before = jax.config.values["jax_compilation_cache_dir"]
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    yield tmp_path / "kernels"
    jax.config.update("jax_compilation_cache_dir", before)


def code_of(text: bytes, key: object = 0) -> tuple[bytes, int]:
    """What `kept` gives, and how often it had to be made."""
    made = []
    return _objects.kept("kernel", key, lambda: made.append(0) or text), len(made)


def test_a_kernel_is_made_once_for_each_key_and_processor(cache):
    assert code_of(b"one") == (b"one", 1)
    assert code_of(b"not made") == (b"one", 0)
    assert code_of(b"two", key=1) == (b"two", 1)
    with written_for(ARMV8):
        assert code_of(b"three") == (b"three", 1)
    assert len(list(cache.iterdir())) == 3


@pytest.mark.parametrize("damage", [lambda old: old[:-1], lambda old: b"", lambda old: old[:-1] + b"?"])
def test_a_damaged_file_is_made_anew(cache, damage):
    code_of(b"object code")
    (path,) = cache.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert code_of(b"object code") == (b"object code", 1)
    assert code_of(b"not made") == (b"object code", 0)


def test_another_kernels_file_in_its_place_is_made_anew(cache):
    code_of(b"one")
    (one,) = cache.iterdir()
    code_of(b"two", key=1)
    (two,) = set(cache.iterdir()) - {one}
    one.write_bytes(two.read_bytes())
    assert code_of(b"one") == (b"one", 1)


def test_a_full_disk_leaves_no_piece_behind(cache, monkeypatch):
    def half(path, content):
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    assert code_of(b"one") == (b"one", 1)
    assert list(cache.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_no_reason_to_stop(cache):
    cache.write_bytes(b"")  # a file in the folder's place
    assert code_of(b"one") == (b"one", 1)


def test_nothing_is_kept_where_jax_keeps_nothing(cache):
    jax.config.update("jax_compilation_cache_dir", None)
    assert code_of(b"one") == code_of(b"one") == (b"one", 1)
    assert not cache.exists()
