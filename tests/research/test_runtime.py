"""What a shell's variables reach, and what they must not."""

import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest

from research import runtime
from research.errors import InvalidInput
from research.kernels._llvm import usable
from research.records.store import Store
from research.sweeps.measure import measure_missing
from research.sweeps.sweep import sweep
from research.training.batches import run_key

ROOT = Path(__file__).parents[2]
TINY = ["--preset", "smoke", "--subset-sizes", "64", "--batch-sizes", "16", "--factors", "1", "--seeds", "1"]

HOSTILE = {
    "JAX_DEFAULT_PRNG_IMPL": "rbg",
    "JAX_THREEFRY_PARTITIONABLE": "0",
    "JAX_RANDOM_SEED_OFFSET": "7",
    "JAX_ENABLE_X64": "1",
    "JAX_EXPLICIT_X64_DTYPES": "allow",
    "JAX_NUMPY_DTYPE_PROMOTION": "strict",
    "JAX_NUMPY_RANK_PROMOTION": "raise",
    "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16",
    "JAX_DISABLE_JIT": "1",
    "JAX_SOFTMAX_CUSTOM_JVP": "1",
    "JAX_USE_DIRECT_LINEARIZE": "0",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    "JAX_OPTIMIZATION_LEVEL": "O0",
}
"""Variables of a shell, each of which gives other batches, other sums or an error where nothing is pinned."""


def command(results, *more, **variables):
    return python("-m", "experiments.lr_sweep", *TINY, "--results", str(results), *more, **variables)


def python(*words, **variables):
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def the_record(results):
    store = Store(results)
    (name,) = store.names()
    return store.read(name)


def test_no_variable_of_the_shell_changes_a_result(tmp_path):
    for name, variables in (("plain", {}), ("hostile", HOSTILE)):
        done = command(tmp_path / name, **variables)
        assert done.returncode == 0, done.stderr
    (plain, rows), (hostile, others) = the_record(tmp_path / "plain"), the_record(tmp_path / "hostile")
    pd.testing.assert_frame_equal(rows, others, check_exact=True)
    assert plain["provenance"]["settings"] == hostile["provenance"]["settings"]
    assert plain["provenance"]["settings"]["jax_default_prng_impl"] == "threefry2x32"


def test_the_pinned_values_are_jaxs_own_defaults():
    """So that whoever calls the library from a program of their own need not pin what nobody changed."""
    code = "from research import runtime; runtime.require_pinned()"
    env = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, check=True)


@pytest.mark.parametrize(
    "other",
    [
        lambda: jax.enable_x64(True),
        lambda: jax.threefry_partitionable(False),
        lambda: jax.default_prng_impl("rbg"),
        lambda: jax.default_matmul_precision("bfloat16"),
    ],
)
def test_the_library_refuses_other_settings(dataset, run, store, other):
    with other():
        for compute in (
            lambda: sweep([run], dataset, store),
            lambda: measure_missing([], dataset, store),
            lambda: run_key(0),
        ):
            with pytest.raises(InvalidInput, match=r"^jax_.* for results depend on it"):
                compute()
    assert store.names() == []
    runtime.require_pinned()


def test_flags_for_the_compiler_are_recorded_and_their_paths_are_not(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=/home/someone --xla_cpu_enable_fast_math=false")
    assert runtime.settings()["XLA_FLAGS"] == "--xla_dump_to=... --xla_cpu_enable_fast_math=false"
    monkeypatch.delenv("XLA_FLAGS")
    assert "XLA_FLAGS" not in runtime.settings()


def test_flags_for_the_compiler_are_heeded(tmp_path):
    flags = "--xla_force_host_platform_device_count=3"
    done = command(tmp_path / "r", XLA_FLAGS=flags)
    assert done.stderr.startswith("on 3 host devices;")
    assert the_record(tmp_path / "r")[0]["provenance"]["settings"]["XLA_FLAGS"] == flags


@pytest.mark.parametrize("count", ["=0", "=abc", ""])
def test_a_number_of_devices_that_there_cannot_be_is_one_line(tmp_path, count):
    flags = f"--xla_cpu_enable_fast_math=false --xla_force_host_platform_device_count{count}"
    done = command(tmp_path / "r", XLA_FLAGS=flags)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: XLA_FLAGS is {flags!r}: xla_force_host_platform_device_count must")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("platform", ["cuda", "tpu", "abacus"])
def test_devices_that_are_not_here_are_one_line(tmp_path, platform):
    if platform == jax.default_backend():
        pytest.skip("they are here")
    done = command(tmp_path / "r", JAX_PLATFORMS=platform)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: JAX_PLATFORMS is '{platform}': ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("JAX_ENABLE_X64", "maybe"),
        ("JAX_DEFAULT_MATMUL_PRECISION", "bogus"),
        ("JAX_NUM_CPU_DEVICES", "x"),
        ("JAX_NUM_CPU_DEVICES", "0"),
        ("JAX_NUM_CPU_DEVICES", "100000"),
        ("EAGER_CONSTANT_FOLDING", ""),
    ],
)
def test_a_variable_that_jax_cannot_use_is_one_line(tmp_path, variable, value):
    """Some of them stop JAX where it is imported, before a command has begun."""
    done = command(tmp_path / "r", **{variable: value})
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {variable} is {value if value.isdecimal() else repr(value)}: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("module", ["experiments.replay", "experiments.new", "experiments.all"])
def test_so_it_is_for_every_command_that_needs_jax(module):
    done = python("-m", module, "--help", JAX_ENABLE_X64="maybe")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: JAX_ENABLE_X64 is 'maybe': ")


@pytest.mark.parametrize("module", ["analysis.all", "analysis.claims", "analysis.report"])
def test_what_does_not_need_jax_does_not_mind(module):
    assert python("-m", module, "--help", JAX_ENABLE_X64="maybe").returncode == 0


def test_a_healthy_run_passes_the_search_for_what_is_not_a_number(tmp_path):
    done = command(tmp_path / "r", JAX_DEBUG_NANS="1")
    assert done.returncode == 0, done.stderr


def test_compiled_programs_are_kept_and_used_again_to_the_same_bits(tmp_path, monkeypatch):
    """Kernels of ours among them: their names in a program that was kept are those of this process."""
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    monkeypatch.delenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS")
    folder = tmp_path / "forgetting-vs-curvature" / "compiled"
    first = command(tmp_path / "1", XDG_CACHE_HOME=str(tmp_path), JAX_DUMP_IR_TO=str(tmp_path / "ir"))
    kept = {path.name for path in folder.glob("*/*")}
    again = command(tmp_path / "2", XDG_CACHE_HOME=str(tmp_path))
    assert first.stderr == again.stderr  # nothing is said of what was kept
    assert any("slots" in name for name in kept)  # the epoch
    assert {path.name for path in folder.glob("*/*")} == kept
    rows, others = the_record(tmp_path / "1")[1], the_record(tmp_path / "2")[1]
    pd.testing.assert_frame_equal(rows, others, check_exact=True)
    if usable():
        (epoch,) = (path.read_text() for path in (tmp_path / "ir").glob("*slots*.mlir"))
        assert re.search(r"custom_call @\W?[\w.]+\.[0-9a-f]{16}\b", epoch)


@pytest.fixture
def no_cache(monkeypatch):
    """JAX as it is where the user chose no cache."""
    names = (
        "jax_compilation_cache_dir",
        "jax_persistent_cache_min_compile_time_secs",
        "jax_compilation_cache_max_size",
    )
    before = {name: getattr(jax.config, name) for name in names}
    jax.config.update("jax_compilation_cache_dir", None)
    yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.mark.usefixtures("no_cache")
def test_where_no_cache_can_be_made_there_is_none(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", Path("/proc/nowhere")):
        monkeypatch.setenv("XDG_CACHE_HOME", str(place))
        assert runtime.keep_compiled() is None
        assert jax.config.values["jax_compilation_cache_dir"] is None
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = runtime.keep_compiled()
    assert folder is not None
    assert folder.is_dir()
    assert jax.config.values["jax_compilation_cache_dir"] == str(folder)


@pytest.mark.usefixtures("no_cache")
def test_the_cache_has_the_size_that_the_user_gives_it(tmp_path, monkeypatch):
    """JAX's own bound needs a package that is not here, without which it keeps nothing and says nothing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = runtime.keep_compiled()
    assert folder is not None
    for name in ("a", "b"):
        (folder / name).write_bytes(bytes(100))
    jax.config.update("jax_compilation_cache_dir", None)
    jax.config.update("jax_compilation_cache_max_size", 150)
    assert runtime.keep_compiled() == folder
    assert len(list(folder.iterdir())) == 1
    assert jax.config.values["jax_compilation_cache_max_size"] == -1
    jax.config.update("jax_compilation_cache_dir", None)
    jax.config.update("jax_compilation_cache_max_size", 0)
    assert runtime.keep_compiled() is None
    jax.config.update("jax_compilation_cache_max_size", -5)
    with pytest.raises(InvalidInput, match="JAX_COMPILATION_CACHE_MAX_SIZE is -5: must be at least 0"):
        runtime.keep_compiled()


def test_a_cache_that_the_user_chose_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    chosen = jax.config.values["jax_compilation_cache_dir"]
    assert chosen
    assert runtime.keep_compiled() is None
    assert jax.config.values["jax_compilation_cache_dir"] == chosen
    assert not list(tmp_path.iterdir())


def test_what_was_used_longest_ago_goes_first(tmp_path):
    for age, name in enumerate(("new", "middle", "old")):
        path = tmp_path / name[0] / name
        path.parent.mkdir()
        path.write_bytes(bytes(100))
        os.utime(path, (1e9 - age, 1e9 - age))
    runtime.trim(tmp_path, 300)
    assert {path.name for path in tmp_path.glob("*/*")} == {"new", "middle", "old"}
    runtime.trim(tmp_path, 250)
    assert {path.name for path in tmp_path.glob("*/*")} == {"new", "middle"}
    runtime.trim(tmp_path, 0)
    assert not list(tmp_path.glob("*/*"))


def test_pinned_draws_are_those_that_every_record_was_made_with():
    drawn = np.asarray(jax.random.bits(run_key(0), (2,)))
    assert drawn.tolist() == [4070199207, 4202968722]
