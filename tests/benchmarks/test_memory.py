from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import memory
from benchmarks.memory import Data, Need
from research.models.resnet import ResNet
from research.training.config import RunConfig

RUN = RunConfig(precision="bfloat16", augmentation=(), model=ResNet(width=4, blocks=(1,)))
FEW = Data("few", 1024, 256, 10, side=8)


@pytest.fixture(scope="module")
def planned():
    return memory.planned(RUN, FEW, (128, 256))


def test_what_is_planned_grows_in_proportion_to_the_batch(planned):
    assert memory._plan(replace(RUN, batch_size=512), FEW) == pytest.approx(planned.at(512), rel=0.05)


def test_the_plan_holds_the_data_and_more_than_the_backward_pass_waits_for(planned):
    floor = memory.at_least(RUN, FEW)
    assert FEW.bytes < planned.fixed
    assert FEW.bytes < floor.fixed
    assert 1 < planned.per_image / floor.per_image < 10


def test_the_articles_network_counted_by_hand():
    """An image's inputs to its 3x3 convolutions, in bfloat16, by their sizes; shortcuts read the same."""
    values = 3 * 32**2 + 5 * 64 * 32**2 + 4 * 128 * 16**2 + 4 * 256 * 8**2 + 3 * 256 * 4**2
    assert memory.at_least(memory.RUN, memory.CIFAR10).per_image == 2 * values
    one, other = (
        memory.at_least(memory.RUN, data).fixed - data.bytes for data in (memory.CIFAR10, memory.IMAGENET)
    )
    assert other - one == 3 * 4 * 512 * 990  # the head's parameters, momenta and gradients


def lines_of_docs():
    return (Path(__file__).parents[2] / "docs" / "scale.md").read_text(encoding="utf-8").splitlines()


def test_what_is_counted_stands_in_the_docs():
    for data in (memory.CIFAR10, memory.IMAGENET):
        counted = memory.line(f"{data.title}, at least", memory.at_least(memory.RUN, data))
        assert counted in lines_of_docs()


@pytest.mark.slow
def test_the_docs_have_the_table_that_the_command_prints():
    """To within 5%: versions of XLA plan a little differently."""
    written = [numbers(row) for row in lines_of_docs() if ", planned |" in row]
    found = [numbers(row) for row in memory.lines() if ", planned |" in row]
    assert len(found) == 2
    for ours, theirs in zip(found, written, strict=True):
        assert ours == pytest.approx(theirs, rel=0.05)


def numbers(row):
    return [float(cell.replace(",", "")) for cell in row.split("|")[2:-1]]


def test_the_largest_batch_is_the_last_that_fits():
    need = Need(fixed=100.0, per_image=7.0)
    size = need.largest_batch(1000)
    assert need.at(size) <= 1000 < need.at(size + 1)
    assert need.largest_batch(50) < 1
