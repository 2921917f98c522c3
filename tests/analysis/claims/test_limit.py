"""L4 where the rule before was fooled: statistics that lag were taken for what averaging takes back."""

import numpy as np
import pandas as pd
import pytest

from analysis import averaging, toys
from analysis._tables import where
from analysis.claims import Evidence
from tests.analysis.claims.old_rules import now, word

FACTORS = 2.0 ** np.arange(-2, 4)
SEEDS = 5


def recorded(rng: np.random.Generator, lag: float, kept: float) -> Evidence:
    """Records in which the last weights lose `lag` x factor by statistics that are behind them.

    With statistics anew a factor costs the square of its distance from the best, of which an average keeps a
    share.
    """
    cost = 0.1 * np.maximum(np.log2(FACTORS), 0) ** 2 + 0.05 * np.maximum(-np.log2(FACTORS), 0)
    rows = []
    for kind, epochs, share in (("last", np.nan, 1.0), ("uniform", 1.0, kept)):
        for seed in range(SEEDS):
            own = 1.0 + share * cost + rng.normal(0, 0.01, len(FACTORS))
            losses = {"test": 1.0 + cost + lag * FACTORS, "test_average": own}
            for split, values in losses.items():
                rows += [
                    {
                        "factor": factor,
                        "seed": seed,
                        "split": split,
                        "value": value,
                        "averaging.kind": kind,
                        "averaging.epochs": epochs,
                    }
                    for factor, value in zip(FACTORS, values, strict=True)
                ]
    about = {"kind": "RunConfig", "metric": "loss", "status": "finished", "epoch": 12.0, "epochs": 12}
    return Evidence({"averaging": pd.DataFrame(rows).assign(**about)}, {"averaging": toys.ABOUT})


def cost_of_running_statistics(records: Evidence) -> pd.Series:
    """L4's effect as it was: the last weights had their running statistics."""
    runs = where(records.tables["averaging"], **{"averaging.kind": "uniform"})
    plain, averaged = (averaging.losses(runs, split, "uniform", 1.0) for split in ("test", "test_average"))
    factor, lowest = FACTORS[-1], plain.min()
    return averaged.loc[factor] - lowest - (plain.loc[factor] - lowest) / 2


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_l4_took_statistics_that_are_behind_for_what_averaging_takes_back(rng):
    records = recorded(rng, lag=0.5, kept=1.0)
    assert word(cost_of_running_statistics(records), high=0) == "supported"
    assert now("L4-M", records) == "contradicted"
    assert now("L4-D", records) == "supported"


def test_l4_still_sees_an_average_that_helps(rng):
    records = recorded(rng, lag=0.0, kept=0.2)
    assert now("L4-M", records) == "supported"
    assert now("L4-D", records) == "contradicted"


def test_l4_cannot_be_asked_of_records_without_fresh_statistics(rng):
    records = recorded(rng, lag=0.5, kept=0.2)
    table = records.tables["averaging"]
    older = Evidence({"averaging": table.loc[table["averaging.kind"] != "last"]}, records.abouts)
    assert now("L4-M", older) == "cannot be asked"


def test_an_average_that_is_better_by_as_much_at_every_factor_takes_off_no_cost(rng):
    records = recorded(rng, lag=0.0, kept=1.0)
    table, own = records.tables["averaging"], averaging.own_costs
    better = table["averaging.kind"].eq("uniform") & table["split"].eq("test_average")
    table = table.assign(value=table["value"] - 0.4 * better)
    found = own(table, records.chance)
    np.testing.assert_allclose(found.loc["average"], found.loc["last"], atol=0.1)
    assert averaging.costs(table, records.chance).loc["average"].mean() < found.loc["last"].mean() - 0.3
