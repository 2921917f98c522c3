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
from research.gradients.stale_noise import StaleNoise
from research.measures import budget, groups, noise, replay, sharpness, spectrum, throughput
from research.measures import rerun as reruns
from research.optimizers import Optimizer
from research.optimizers.adam import Adam
from research.training.batches import Images
from research.training.config import RunConfig
from research.training.context import Hyperparameters, Setting
from research.training.epoch import CompiledEpoch
from research.training.sharding import make_mesh

CUSOLVER = {  # which JAX calls: eigenvalues of Lanczos's small matrices, and XTrace's QR decomposition
    "cusolver_syevd_ffi",
    "cusolver_geqrf_ffi",
    "cusolver_orgqr_ffi",
}


class Exported(NamedTuple):
    """A program for CUDA.

    Attributes:
        text: StableHLO.
        arguments: by name, those that it reads, in its order.
        results: their types.
    """

    text: str
    arguments: dict[str, Any]
    results: list[Any]


def exported(program, *arguments) -> Exported:
    found = jax.export.export(program, platforms=["cuda"])(*arguments)
    assert found.platforms == ("cuda",)
    names = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(arguments)]
    read = {names[index]: found.in_avals[index] for index in found.module_kept_var_idx}
    return Exported(found.mlir_module(), read, [aval.dtype for aval in found.out_avals])


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


def step_alone(dataset, run, platform="cuda"):
    setting = Setting.of(run, dataset, platform=platform)
    sizes = dataset.train_size, len(dataset.test_labels)
    return throughput.step_of(setting), *throughput.abstract_arguments(setting, dataset.image_shape, *sizes)


BATCHES = jnp.arange(2)
EPOCHS = {
    **{
        name: lambda dataset, run, kind=kind: epoch_of(dataset, replace(run, optimizer=kind()))
        for name, kind in Optimizer.members().items()
    },
    "accumulation": lambda dataset, run: epoch_of(dataset, replace(run, accumulate=2)),
    "stale noise": lambda dataset, run: epoch_of(dataset, replace(run, accumulate=2, gradient=StaleNoise())),
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


of_epochs = pytest.mark.parametrize("program", EPOCHS, indirect=True)


def convolutions(text: str) -> list[tuple[str, ...]]:
    """Element types of each convolution's two inputs and output."""
    found = re.findall(r"stablehlo\.convolution.*: \(tensor<(.*?)>, tensor<(.*?)>\) -> tensor<(.*?)>", text)
    return [elements(one) for one in found]


def elements(shapes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(shape.rpartition("x")[2] for shape in shapes)


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
    """Nothing that a kernel of ours states or does, and nothing that calls back into Python at a step."""
    assert "research/models/" in program.text  # where each operation is from is in the text
    assert "research/kernels" not in program.text
    assert custom_calls(program.text) <= CUSOLVER
    assert "callback" not in program.text


def test_a_cpu_has_our_kernels(dataset, run, rough):
    """So that their absence elsewhere means something: exported, they show; lowered, they are called."""
    assert "research/kernels" in exported(*step_alone(dataset, rough, "cpu")).text
    compiled, *arguments = step_alone(dataset, run, "cpu")
    assert custom_calls(compiled.lower(*arguments).as_text())


def test_nothing_is_in_double_precision(program):
    assert not re.search(r"[<x]f64>", program.text)


def test_convolutions_and_the_head_are_in_bfloat16(program, dataset):
    assert set(convolutions(program.text)) == {("bf16", "bf16", "bf16")}
    features = 16  # that the head makes logits of: the maxima and means of 8 channels
    heads = [
        shape for shape in products(program.text) if shape[1].startswith(f"{features}x{dataset.classes}x")
    ]
    assert {element for shape in heads for element in elements(shape)} <= {"bf16"}
    # Batch norm's statistics of averaged weights need no logits.
    assert heads or "[0].params['head']['kernel']" not in program.arguments


def test_parameters_statistics_and_results_are_in_float32(program):
    state = {name: one.dtype for name, one in program.arguments.items() if name.startswith("[0]")}
    real = {kind for kind in [*state.values(), *program.results] if jnp.issubdtype(kind, jnp.floating)}
    assert state
    assert real == {np.dtype("float32")}


@of_epochs
def test_an_epochs_state_is_used_up(program):
    """What a step changes is in memory once: each of its arrays is given to the program, and no other is."""
    head = re.search(r"func\.func public @main\((.*)\) -> ", program.text)
    assert head
    given = [
        "tf.aliasing_output" in one or "jax.buffer_donor" in one
        for one in re.split(r"%arg\d+: ", head.group(1))[1:]
    ]
    assert given == [name.startswith("[0]") for name in program.arguments]
    assert any(given)


@of_epochs
def test_an_epoch_is_one_loop_over_its_steps(program):
    """Gradients are taken in one loop, which no step leaves; all else is evaluation, forward only."""
    forward = sum(one.ndim == 5 for name, one in program.arguments.items() if ".params" in name)
    assert forward == 6
    counts = [len(convolutions(loop)) for loop in loops(program.text)]
    training = [count for count in counts if count > forward]
    assert len(training) == 1
    assert training[0] >= 3 * forward - 1  # the first layer's images have no gradient
    averaged = any(".average" in name for name in program.arguments)
    # Outside of any loop, the two passes that tell what share a batch has in a running average.
    assert (len(convolutions(program.text)) > sum(counts)) == averaged


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
    by_xla: Any = lowered.cost_analysis()
    assert counted < by_xla["flops"] < 1.01 * counted
