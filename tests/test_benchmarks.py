"""The pure parts of benchmarks: ratios, disturbed slices, the table, sizes by hand."""

import dataclasses
import json
import pathlib

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import run, table, timing, workloads
from ngjax.models.language_model import LanguageModel
from ngjax.models.lenet import LeNet5
from ngjax.models.mlp import MLP
from ngjax.models.resnet import ResNet
from ngjax.models.vgg import VGG

STAT = "cpu  100 20 30 5000 400 6 7 8 9 10\ncpu0 1 1 1 1 1 1 1 1 1 1\n"


def test_quartiles_are_numpys():
    values = [3.0, 1.0, 4.0, 1.5, 9.0]
    np.testing.assert_allclose(timing.quartiles(values), np.percentile(values, [25, 50, 75]))
    assert timing.quartiles([2.0]) == (2.0, 2.0, 2.0)


def test_ratios_are_paired_by_round():
    """Both twice as fast in a round says nothing; the ratio of medians would."""
    ours, theirs = {0: 20.0, 1: 40.0, 2: 90.0, 3: 1.0}, {0: 10.0, 1: 20.0, 2: 30.0}
    assert timing.ratios(ours, theirs) == (2.0, 2.0, 2.5)
    with pytest.raises(ValueError, match="no round"):
        timing.ratios({0: 1.0}, {1: 1.0})


def test_busy_is_all_but_idle_waiting_and_guests():
    assert timing.busy(STAT) == pytest.approx((100 + 20 + 30 + 6 + 7 + 8) / timing.TICK)


def test_a_slice_is_disturbed_by_what_others_use():
    assert not timing.disturbed(timing.stolen(all_used=4.1, own=4.0, seconds=2.0))
    assert timing.disturbed(timing.stolen(all_used=4.1, own=3.9, seconds=2.0))


@pytest.mark.parametrize(
    ("name", "network", "inputs"),
    [
        ("mlp", MLP((*workloads.HIDDEN, 10)), jnp.zeros((1, 28, 28, 1))),
        ("logistic", MLP((10,)), jnp.zeros((1, 28, 28, 1))),
        ("lenet", LeNet5("1998"), jnp.zeros((1, 32, 32, 1))),
        ("resnet20", ResNet(20, 10, small=True), jnp.zeros((1, 32, 32, 3))),
        ("vgg", VGG("small8", 10), jnp.zeros((1, 32, 32, 3))),
        ("lstm20", LanguageModel(10_000, "lstm", 200, 2, 200), None),
        ("gru", LanguageModel(66, "gru", 256, 1, 64), None),
    ],
)
def test_parameters_are_those_of_the_network(name: str, network: nn.Module, inputs):
    given = (inputs,)
    if inputs is None:
        given = (network.initial_carry(1), jnp.zeros((1, 1), jnp.int32))
    shapes = jax.eval_shape(network.init, jax.random.key(0), *given)["params"]
    found = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    assert found == workloads.WORKLOADS[name].parameters


def test_another_network_and_a_loss_that_does_not_fall_are_told():
    workload = workloads.WORKLOADS["gru"]
    right = {"parameters": workload.parameters + workload.spare, "losses": [2.0, 1.0]}
    assert run.doubts(workload, right) == []
    assert "parameters" in run.doubts(workload, {**right, "parameters": 5})[0]
    assert "did not fall" in run.doubts(workload, {**right, "losses": [1.0, 1.0]})[0]


def test_drawn_examples_are_of_the_sizes_said():
    small = dataclasses.replace(workloads.WORKLOADS["mlp"], chunk=2)
    x, y = workloads.drawn(small)
    assert x.shape == (256, 28, 28, 1) and x.dtype == np.float32
    assert y.min() == 0 and y.max() == 9
    ids, after = workloads.drawn(workloads.WORKLOADS["lstm20"])
    assert ids.max() < 10_000
    np.testing.assert_array_equal(ids[:, 1:], after[:, :-1])


def test_the_table_takes_the_better_setting_of_each():
    def rated(*rates: float):
        return {"rounds": {str(r): {"rate": rate} for r, rate in enumerate(rates)}}

    found = {
        "contestants": {
            "ngjax": rated(10.0, 10.0, 10.0),
            "ngjax-2": rated(24.0, 22.0, 20.0),
            "torch": rated(5.0, 5.0, 5.0),
            "torch-fused": rated(20.0, 20.0, 20.0),
            "keras-jax": rated(10.0, 11.0, 12.5) | {"remarks": ["slept"]},
        }
    }
    results = {"workloads": {"vgg": found}, "matrix_peak": 1e12}
    first, second = sorted(table.rows(results), key=lambda row: row[4])
    assert first[4:] == ("keras-jax", "2.00", "1.80-2.20", "2.0 yes")
    assert second[4:] == ("torch", "1.10", "1.05-1.15", "1.0 yes")
    assert {first[3], second[3]} == {"ngjax-2", ""}
    assert table.remarks(results)[-1] == "vgg, keras-jax: slept"


def test_the_gradient_of_the_data_is_no_work():
    """784 -> 10: forward and dW, two multiply-adds a weight; the MLP's other layers have three."""
    assert workloads.of_the_data(workloads.WORKLOADS["logistic"]) == 7840
    found = {"contestants": {"ngjax": {"rounds": {"0": {"rate": 1e6}}}}}
    results = {"workloads": {"logistic": found, "mlp": found}, "matrix_peak": 1e12}
    lines = table.markdown(results)[2:]
    hidden = 256 * 128 + 128 * 10
    for line, flops in zip(lines, (4 * 7840, 4 * 784 * 256 + 6 * hidden), strict=True):
        assert f"| {100 * flops * 1e6 / 1e12:.0f} % |" in line


def test_the_readme_shows_the_results_that_are_kept():
    root = pathlib.Path(__file__).resolve().parents[1]
    results = json.loads((root / "benchmarks" / "results" / "cpu.json").read_text())
    made = "\n".join(table.markdown(results))
    assert f"\n{made}\n<!-- end of the table -->" in (root / "README.md").read_text()
    assert set(workloads.WORKLOADS) == set(results["workloads"])
