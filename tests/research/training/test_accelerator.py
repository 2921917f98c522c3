"""What a GPU is given, looked at on a CPU: every compiled program, exported for CUDA in bfloat16."""

import re
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import _limit
from benchmarks._cases import ARTICLE
from research.averaging.exponential import Exponential
from research.kernels import lanes
from research.measures import budget, groups, noise, replay, sharpness, spectrum, throughput
from research.measures import rerun as reruns
from research.optimizers import Optimizer
from research.optimizers.adam import Adam
from research.training.batches import Images
from research.training.config import RunConfig
from research.training.context import Hyperparameters, Setting
from research.training.epoch import CompiledEpoch
from research.training.schedules import Policy
from research.training.sharding import make_mesh
from research.training.step import train_step

THEIRS = {"cusolver_syevd_ffi"}  # eigenvalues of Lanczos's small matrices, by cuSOLVER; JAX brings it
STATE = ("params", "batch_stats", "opt_state", "average")


class Exported(NamedTuple):
    """A program for CUDA.

    Attributes:
        text: StableHLO.
        arguments: what each leaf of its arguments is, and its type.
        results: their types.
    """

    text: str
    arguments: dict[str, Any]
    results: list[Any]


def exported(program, *arguments) -> Exported:
    found = jax.export.export(program, platforms=["cuda"])(*arguments)
    assert found.platforms == ("cuda",)
    names = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(arguments)]
    types = [(aval.shape, aval.dtype) for aval in found.in_avals]
    return Exported(
        found.mlir_module(), dict(zip(names, types, strict=True)), [aval.dtype for aval in found.out_avals]
    )


def epoch_of(dataset, run, data_parallel=1):
    mesh = make_mesh(1, data_parallel)
    program = CompiledEpoch(run, dataset.image_shape, dataset.classes, mesh, platform="cuda")
    control = program.control([True], [True], [True])
    return program.epoch, program.blank(), program.hyper([run]), control, program.images(dataset)


def measure_of(make, *more, **changes):
    """A measure's program, made by `make(setting)`, and its arguments: a state, images, and those given."""

    def program(dataset, run):
        run = replace(run, **changes)
        setting = Setting.of(run, dataset, platform="cuda")
        return make(setting), setting.abstract_state(), Images.of(dataset), Hyperparameters.of(run), *more

    return program


def step_alone(dataset, run):
    setting = Setting.of(run, dataset, platform="cuda")
    sizes = dataset.train_size, len(dataset.test_labels)
    return throughput.step_of(setting), *throughput.abstract_arguments(setting, dataset.image_shape, *sizes)


BATCHES = jnp.arange(2)
EPOCHS = {
    **{
        name: lambda dataset, run, kind=kind: epoch_of(dataset, replace(run, optimizer=kind()))
        for name, kind in Optimizer.members().items()
    },
    "accumulation": lambda dataset, run: epoch_of(dataset, replace(run, accumulate=2)),
    "averaging": lambda dataset, run: epoch_of(dataset, replace(run, averaging=Exponential())),
    "2 devices": lambda dataset, run: epoch_of(dataset, run, 2),
    "8 devices": lambda dataset, run: epoch_of(dataset, run, 8),
}
MEASURES = {
    "replay": measure_of(lambda setting: replay.of_epoch(setting, "running"), jnp.int32(0)),
    "replay, fresh view": measure_of(lambda setting: replay.of_epoch(setting, "batch", 1), jnp.int32(0)),
    "never-seen": measure_of(
        lambda setting: replay._of_groups(setting, "running")[0]["train"], jnp.int32(128), jnp.int32(256)
    ),
    "test set": measure_of(lambda setting: replay._of_groups(setting, "running")[1]),
    "averaged weights": measure_of(replay._averaged, jnp.int32(1), averaging=Exponential()),
    "groups": measure_of(groups._losses, jnp.asarray([[0, 128], [128, 256]])),
    "sharpness": measure_of(lambda setting: sharpness._sharpness(setting, 3, "random"), BATCHES),
    "preconditioned sharpness": measure_of(
        lambda setting: sharpness._sharpness(setting, 3, "gradient"), BATCHES, optimizer=Adam()
    ),
    "spectrum": measure_of(
        lambda setting: spectrum._spectrum(setting, "hessian", "batch", (1, 3, 2)), BATCHES
    ),
    "Gauss-Newton spectrum": measure_of(
        lambda setting: spectrum._spectrum(setting, "gauss_newton", "running", (1, 3, 2)), BATCHES
    ),
    "budget": measure_of(budget._step_budget, jnp.arange(budget.RECENT), BATCHES),
    "rerun": measure_of(reruns._rerun, jnp.arange(4), jnp.int32(4)),
    "noise": measure_of(lambda setting: noise._noise(setting, 16, "batch", 2), BATCHES),
    "throughput": step_alone,
}
PROGRAMS = EPOCHS | MEASURES


@pytest.fixture(scope="module")
def rough(run):
    """The run in a GPU's precision."""
    return replace(run, precision="bfloat16")


@pytest.fixture(scope="module", params=PROGRAMS)
def program(request, dataset, rough) -> Exported:
    return exported(*PROGRAMS[request.param](dataset, rough))


@pytest.fixture(scope="module", params=EPOCHS)
def epoch(request, dataset, rough) -> Exported:
    return exported(*EPOCHS[request.param](dataset, rough))


def convolutions(text: str) -> list[tuple[str, str, str]]:
    """Element types of each convolution's two inputs and output."""
    found = re.findall(r"stablehlo\.convolution.*: \(tensor<(.*?)>, tensor<(.*?)>\) -> tensor<(.*?)>", text)
    return [tuple(shape.rpartition("x")[2] for shape in one) for one in found]


def products(text: str) -> list[tuple[str, str, str]]:
    """Shapes and element types of each matrix product's two inputs and output."""
    return re.findall(r"stablehlo\.dot_general.*: \(tensor<(.*?)>, tensor<(.*?)>\) -> tensor<(.*?)>", text)


def custom_calls(text: str) -> set[str]:
    return set(re.findall(r"stablehlo\.custom_call @([\w.]+)", text))


def loops(text: str) -> list[str]:
    """The text of each loop that is in no other."""
    found, inside = [], None
    for line in text.splitlines():
        if inside is None:
            if " = stablehlo.while(" in line:
                inside = len(line) - len(line.lstrip())
                found.append([])
        elif line.startswith(" " * inside + "}") and "do {" not in line:  # the region's end
            inside = None
        else:
            found[-1].append(line)
    return ["\n".join(lines) for lines in found]


def test_a_gpu_has_jaxs_own_operations_only(program):
    """No kernel of ours, which a CPU alone has, and nothing that calls back into Python at a step."""
    assert "callback" not in program.text
    assert custom_calls(program.text) <= THEIRS


def test_the_same_program_for_a_cpu_has_our_kernels(dataset, run):
    """So that their absence elsewhere means something."""
    setting, sizes = Setting.of(run, dataset), (dataset.train_size, len(dataset.test_labels))
    arguments = throughput.abstract_arguments(setting, dataset.image_shape, *sizes)
    text = throughput.step_of(setting).lower(*arguments).as_text()
    assert lanes() > 0
    assert custom_calls(text) - THEIRS


def test_nothing_is_in_double_precision(program):
    assert not re.search(r"[<x]f64>", program.text)


def test_convolutions_and_the_head_are_in_bfloat16(program, dataset):
    if "stablehlo.convolution" not in program.text:
        pytest.fail("the network is not in this program")
    assert set(convolutions(program.text)) == {("bf16", "bf16", "bf16")}
    head = [shapes for shapes in products(program.text) if shapes[2].endswith(f"x{dataset.classes}xbf16")]
    assert head
    of_logits = [shapes for shapes in products(program.text) if f"x{dataset.classes}xf32" in shapes[2]]
    assert not [shapes for shapes in of_logits if shapes[2].startswith(("16x", "32x", "72x", "256x"))]


def test_parameters_statistics_and_results_are_in_float32(program):
    kept = {
        name: kind for name, (_, kind) in program.arguments.items() if any(f".{part}" in name for part in STATE)
    }
    assert any(".batch_stats" in name for name in kept)
    assert {kind for kind in kept.values() if jnp.issubdtype(kind, jnp.floating)} == {np.dtype("float32")}
    assert jnp.bfloat16 not in program.results


def test_an_epochs_state_is_used_up(epoch):
    """What a step changes is in memory once: each of its arrays is given to the program, and no other is."""
    head = re.search(r"func\.func public @main\((.*)\) -> ", epoch.text)
    assert head
    given = [
        "tf.aliasing_output" in one or "jax.buffer_donor" in one
        for one in re.split(r"%arg\d+: ", head.group(1))[1:]
    ]
    assert len(given) == len(epoch.arguments)
    assert given == [name.startswith("[0]") for name in epoch.arguments]


def test_an_epoch_is_one_loop_over_its_steps(epoch):
    """Gradients are taken in one loop, which no step leaves; the others evaluate, forward only."""
    counts = [len(convolutions(loop)) for loop in loops(epoch.text)]
    counts = sorted(count for count in counts if count)
    forward, training = counts[0], counts[-1]
    assert training >= 3 * forward - 1  # the first layer's images have no gradient
    assert set(counts[:-1]) == {forward}
    outside = len(convolutions(epoch.text)) - sum(counts)
    assert outside in (0, 2 * forward)  # batch norm's share in a running average is found by two passes


def test_an_epochs_program_knows_nothing_of_its_length(dataset, rough):
    one, other = (
        exported(*epoch_of(dataset, replace(rough, **changes))).text
        for changes in ({}, {"subset_size": 256, "epochs": 7, "seed": 3})
    )
    assert one == other


def test_the_articles_step_takes_the_operations_counted_by_hand():
    """In XLA's own count of the program for a GPU; element-wise work adds half a hundredth."""
    run = RunConfig(precision="bfloat16", batch_size=ARTICLE.batch_size)
    setting = Setting.of_shape(run, (32, 32, 3), 10, platform="cuda")
    arguments = throughput.abstract_arguments(setting, (32, 32, 3), 50_000, 10_000)
    lowered = throughput.step_of(setting).trace(*arguments).lower(lowering_platforms=("cuda",))
    counted = _limit.flops(ARTICLE) * ARTICLE.batch_size
    assert counted < lowered.cost_analysis()["flops"] < 1.01 * counted


def losses(dataset, run, steps, platform):
    """Of a run's first steps, by the program that is for this platform."""
    setting, images, hyper = Setting.of(run, dataset, platform=platform), Images.of(dataset), Hyperparameters.of(run)

    @jax.jit
    def step(state):
        here = setting.context(hyper, images)
        after, _, facts = train_step(here, state, here.batch(state.step))
        return after, facts.loss

    state, found = jax.jit(setting.initial_state)(hyper), []
    for _ in range(steps):
        state, loss = step(state)
        found.append(loss)
    return np.asarray(found)


def test_a_gpus_program_trains_on_a_cpu_and_follows_float32(dataset, run):
    """50 steps in bfloat16, in a GPU's form of the network, beside a CPU's in float32.

    The losses agree within 0.05 nats at every step, the form by itself within 1e-3.
    """
    run = replace(run, schedule=Policy("fixed", 0.1), epochs=13)
    exact = losses(dataset, run, 50, "cpu")
    form = losses(dataset, run, 50, "cuda")
    rough = losses(dataset, replace(run, precision="bfloat16"), 50, "cuda")
    print(np.abs(form - exact).max(), np.abs(rough - exact).max(), exact[0], exact[-4:].mean())
    assert exact[-4:].mean() < exact[:4].mean() - 0.1
    assert 0 < np.abs(rough - exact).max() < 0.05
    np.testing.assert_allclose(form, exact, atol=1e-3)
