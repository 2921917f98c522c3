"""Training by the program that a GPU is given: here on a CPU, and, where there is a GPU, on it too."""

import os
import subprocess
import sys
from dataclasses import replace
from functools import lru_cache

import jax
import numpy as np
import pytest

from research.training.batches import Images
from research.training.context import Hyperparameters, Setting
from research.training.schedules import Policy
from research.training.step import train_step


@pytest.fixture(params=["cpu", pytest.param("gpu", marks=pytest.mark.gpu)])
def device(request):
    """Each kind of device that is here."""
    try:
        return jax.devices(request.param)[0]
    except RuntimeError:
        pytest.skip(f"there is no {request.param} here")


STEPS = 50

DETERMINISTIC = "--xla_gpu_deterministic_ops=true"


@lru_cache
def all_steps(setting):
    """`f(images, hyper) -> (state, losses)`: a run's first steps, compiled."""

    @jax.jit
    def steps(images, hyper):
        here = setting.context(hyper, images)

        def step(state, _):
            after, _, facts = train_step(here, state, here.batch(state.step))
            return after, facts.loss

        return jax.lax.scan(step, setting.initial_state(hyper), length=STEPS)

    return steps


def train(dataset, run, device, platform="cuda"):
    """A run's first steps on a device, by the program that is for a platform: its last state, and losses."""
    with jax.default_device(device):
        steps = all_steps(Setting.of(run, dataset, platform=platform))
        return jax.device_get(steps(Images.of(dataset), Hyperparameters.of(run)))


@pytest.fixture(scope="module")
def steady(run):
    """The run at a constant rate, over as many epochs as are looked at."""
    return replace(run, schedule=Policy("fixed", 0.1), epochs=13)


@pytest.fixture(scope="module")
def exact(dataset, steady):
    """Losses in float32, by a CPU's own program."""
    return train(dataset, steady, jax.devices("cpu")[0], platform="cpu")[1]


def test_bfloat16_in_a_gpus_form_follows_float32(dataset, steady, exact, device):
    """At each of 50 steps the loss is within 0.05 nats of float32's, and it falls by six times as much."""
    _, rough = train(dataset, replace(steady, precision="bfloat16"), device)
    assert exact[-4:].mean() < exact[:4].mean() - 0.3
    assert 0 < np.abs(rough - exact).max() < 0.05


def test_a_gpus_form_in_float32_follows_a_cpus(dataset, steady, exact, device):
    """Within 0.01 nats on a CPU; a GPU multiplies float32 in TF32, of 10 bits' fraction: within 0.05."""
    _, form = train(dataset, steady, device)
    np.testing.assert_allclose(form[0], exact[0], rtol=1e-4 if device.platform == "cpu" else 5e-3)
    np.testing.assert_allclose(form, exact, atol=1e-2 if device.platform == "cpu" else 5e-2)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_two_runs_are_equal_bit_for_bit(dataset, steady, device, precision):
    if device.platform != "cpu" and DETERMINISTIC not in os.environ.get("XLA_FLAGS", ""):
        pytest.skip(f"a GPU adds in any order without XLA_FLAGS={DETERMINISTIC}: runs were seen to differ")
    run = replace(steady, precision=precision)
    one, other = (train(dataset, run, device) for _ in range(2))
    jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.mark.gpu
def test_where_the_default_device_is_a_gpu_it_is_what_programs_are_for(dataset, steady):
    if jax.default_backend() == "cpu":
        pytest.skip("there is no GPU here")
    assert Setting.of(steady, dataset) is Setting.of(steady, dataset, platform=jax.default_backend())
    assert Setting.of(steady, dataset) is not Setting.of(steady, dataset, platform="cpu")


def test_without_llvm_and_our_kernels_a_gpus_program_is_still_made():
    """Neither is imported: on a GPU's machine they need not be there."""
    text = """
import sys
sys.modules |= {"llvmlite": None, "research.kernels": None}  # whoever imports them fails
import jax
from experiments import all, lr_sweep
from research.training.config import RunConfig
from research.training.epoch import CompiledEpoch
from research.training.sharding import make_mesh
for run in (RunConfig(), RunConfig(precision="bfloat16")):
    CompiledEpoch(run, (32, 32, 3), 10, make_mesh(1), platform="cuda").setting.abstract_state()
print("made")
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=120)
    assert done.stdout == "made\n", done.stderr
