import pytest

from benchmarks import _machine
from benchmarks._harness import once
from tests.benchmarks.test_harness import side


@pytest.mark.parametrize(("backend", "seen"), [("cpu", ""), ("gpu", "0")])
def test_pytorch_sees_no_gpu_where_jax_computes_on_a_cpu(monkeypatch, tmp_path, backend, seen):
    """Whatever the host has: a process that begins later finds what PyTorch reads."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(_machine, "has_torch", lambda: False)
    monkeypatch.setattr(_machine, "once", lambda *_: [{"backend": backend}])
    assert _machine.about() == {"backend": backend}
    assert once(side(tmp_path / "trace"), "gpus") == [seen]
