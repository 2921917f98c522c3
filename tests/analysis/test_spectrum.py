import numpy as np
import pandas as pd
import pytest

from analysis._tables import where
from analysis.spectrum import densities, draw, nodes, parts, traces


@pytest.fixture
def table() -> pd.DataFrame:
    """Two sets of examples, the second's values doubled, two probes and two nodes, for four parts."""
    rows = []
    for matrix in ("hessian", "gauss_newton"):
        for sample in (0, 1):
            for split in ("whole", "head", "blocks/0", "prepare"):
                found = {"trace": 10.0, "error": 1.0, "parameters": 100.0}
                for probe in (0, 1):
                    for node, (value, weight) in enumerate(((4.0, 0.25), (0.5, 0.75))):
                        found[f"value_{probe}_{node}"] = value + 0.2 * probe
                        found[f"weight_{probe}_{node}"] = weight
                        found[f"residual_{probe}_{node}"] = 0.1
                rows += [
                    {"matrix": matrix, "sample": sample, "split": split, "metric": metric}
                    | {"value": value * (1 if metric == "parameters" or "weight" in metric else 1 + sample)}
                    for metric, value in found.items()
                ]
    return pd.DataFrame(rows).assign(kind="Spectrum", epoch=5.0, examples=64, **{"run.seed": 0})


def test_nodes_and_traces_stand_by_matrix_part_set_and_probe(table):
    chosen = where(nodes(table), matrix="hessian", split="head", sample=1, probe=1, node=0)
    assert chosen["value"].item() == pytest.approx(8.4)
    trace = where(traces(table), matrix="gauss_newton", split="whole", sample=1)
    assert trace[["trace", "error"]].to_numpy().tolist() == [[20.0, 2.0]]
    assert list(parts(table)) == ["whole", "prepare", "blocks/0", "head"]


def test_a_density_has_the_nodes_weights_under_it(table):
    first = where(nodes(table), matrix="hessian", split="whole", sample=0, probe=0)
    at = np.linspace(-1, 6, 2001)
    (density,) = densities(first, at, 0.05).T
    assert np.trapezoid(density, at) == pytest.approx(1, rel=1e-3)
    assert np.trapezoid(density[at > 2], at[at > 2]) == pytest.approx(0.25, rel=1e-3)


def test_every_panel_of_the_figure_has_both_matrices(table):
    figure = draw(table)
    assert len(figure.axes) == 6
    for axes in figure.axes:
        assert len(axes.lines) >= 2
    assert "2 sets of 64 examples, 2 probes each" in str(figure.get_label())
