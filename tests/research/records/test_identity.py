"""The names of records: equal for equal configs, and the same tomorrow."""

from dataclasses import dataclass, replace

import pytest

from research.augmentations.cutout import Cutout
from research.averaging.exponential import Exponential
from research.errors import InvalidInput
from research.family import versioned
from research.losses.squared_error import SquaredError
from research.measures.replay import Replay
from research.models.vit import ViT
from research.optimizers.adamw import AdamW
from research.orders.blocks import Blocks
from research.records.identity import canonical, identity, restored
from research.training.config import RunConfig
from research.training.schedules import Policy


@dataclass(frozen=True)
class Model:
    width: int = 8


@dataclass(frozen=True)
class Config:
    factor: float = 1.0
    sizes: tuple[int, ...] = (1, 2)
    model: Model = Model()


@dataclass(frozen=True)
class OtherConfig(Config):
    pass


def test_equal_configs_share_an_identity_and_no_others():
    assert identity(Config()) == identity(Config(factor=1, sizes=(1, 2)))
    others = [Config(2.0), Config(sizes=(2, 1)), Config(model=Model(9)), OtherConfig()]
    assert len({identity(config) for config in [Config(), *others]}) == 5


def test_an_identity_never_changes():
    """Stored results are found by it: a change here orphans them all."""
    assert identity(Config()) == "b71f3cddf5c0e70a"


def test_a_field_added_later_leaves_identities_alone_until_it_is_used():
    @dataclass(frozen=True)
    class Grown(Config):
        depth: int = versioned(1)

    Grown.__name__ = "Config"
    assert identity(Grown()) == identity(Config())
    assert identity(Grown(depth=2)) != identity(Config())
    assert canonical(Grown())["depth"] == 1


ARTICLE = RunConfig()
OTHER = RunConfig(
    augmentation=(Cutout(),),
    averaging=Exponential(2.0),
    loss=SquaredError(),
    model=ViT(),
    optimizer=AdamW(),
    order=Blocks(),
    schedule=Policy("fixed", 1e-3),
)


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (ARTICLE, "f804d156fe301f22"),
        (OTHER, "783607c8df5d2ed2"),
        (Replay(replace(ARTICLE, subset_size=1024), 5), "82ce387842c437cb"),
    ],
    ids=["the article's run", "a run of other members", "a measurement"],
)
def test_the_identities_of_runs_and_measurements_never_change_unseen(config, name):
    """A field renamed, added without `versioned`, or of another default: finished runs are not found again.

    Where that is meant, raise SCHEMA and write the new names here.
    """
    assert identity(config) == name


@pytest.mark.parametrize(("field", "family"), [("averaging", "weight averaging"), ("order", "order")])
def test_a_member_that_this_version_has_not_is_named_with_its_family(field, family):
    content = canonical(RunConfig()) | {field: {"kind": "of_tomorrow"}}
    with pytest.raises(InvalidInput, match=f"record's {family} is 'of_tomorrow': is none of this version's"):
        restored(RunConfig, content)
