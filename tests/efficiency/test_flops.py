"""The papers' column to the printed digit, our own to the closed form, and every model counted twice to one number."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fave_bench import measure, presets
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.efficiency.dispatched_products import dispatched_products
from fave_bench.efficiency.flops import published, step_cost
from fave_bench.efficiency.inference_graph import InferenceGraph, count
from fave_bench.errors import BenchError
from fave_bench.models import blocks, fave, registry
from fave_bench.models.contract import ModelConfig, Recommender
from fave_bench.records.measurements import measurements

ITEMS = {"ml-100k": 1_682, "beauty": 12_101, "steam": 13_044}
TABLE_3 = Path(__file__).parents[2] / "paper_tables/reference/table3_efficiency.csv"
L, D = 50, 128


def build(name: str, items: int = 1_682, variant: str | None = None, **config: Any) -> Any:
    """The first row of the ML-100k preset at its last stage, unfitted, over so many items."""
    setting = None if variant is None else "released"
    overrides = {f"model.{key}": value for key, value in config.items()}
    plan = presets.plan("ml-100k", name, setting, variant, overrides)
    model = registry.load(name)(plan.model_config, items)
    for stage in plan.training.stages:
        model.enter_stage(stage)
    return model.eval()


def fitted(name: str, seed: int = 0, **config: Any) -> Any:
    """A small model of 40 items, fitted to twenty users who change with the seed."""
    small = {"width": 16, "d": 16, "hidden": 12, "decoder": [24, 32], "steps": 2, "window": 6}
    known = registry.load(name).Config.model_fields
    torch.manual_seed(seed)
    model = build(name, 40, **({key: value for key, value in small.items() if key in known} | config))
    random = np.random.default_rng(seed)
    rows = [random.permutation(40)[: random.integers(6, 11)] + 1 for _ in range(20)]
    sequences = Sequences("toy", np.cumsum([0, *map(len, rows)]), np.concatenate(rows).astype(np.int32))
    model.fit(sequences, leave_one_out(sequences))
    return model


# --- the papers' convention


@pytest.mark.parametrize("dataset", ITEMS)
def test_the_printed_digits_of_table_3(dataset):
    with TABLE_3.open() as file:
        (printed,) = [row for row in csv.DictReader(file) if row["dataset"] == dataset and row["metric"] == "FLOPs"]
    for name in ("DiffuRec", "FMRec", "FAVE"):
        assert f"{published(build(name.lower(), ITEMS[dataset]))[0] / 1e9:.2f}" == printed[name], name


LAYERS = [
    ("gru4rec", {}, ["5.73"] * 3),
    ("caser", {}, ["22.81"] * 3),
    ("sasrec", {}, ["8.19"] * 3),
    ("bert4rec", {}, ["20.48"] * 3),
    ("stosa", {}, ["19.66"] * 3),
    ("autoseqrec", {}, ["0.43", "3.10", "3.34"]),
    ("dreamrec", {}, ["118.8"] * 3),
    ("diffurec", {}, ["1262.5"] * 3),
    ("diffurec", {"steps": 1}, ["39.45"] * 3),
    ("fmrec", {}, ["1320.4", "1960.6", "2018.5"]),
    ("fmrec", {"steps": 1}, ["44.01", "65.35", "67.28"]),
    ("fave", {}, ["44.14", "65.48", "67.41"]),
    ("fave", {"cross_attention": "on"}, ["57.30", "78.64", "80.57"]),
]


@pytest.mark.parametrize(("name", "config", "millions"), LAYERS)
def test_layers_of_the_published_computation(name, config, millions):
    """Millions, for ML-100k, Beauty and Steam; the catalogue is the decoder's, so the rest needs one size."""
    for items, printed in zip(ITEMS.values(), millions, strict=True):
        digits = len(printed.partition(".")[2])
        assert f"{published(build(name, items, **config))[0] / 1e6:.{digits}f}" == printed
        if len(set(millions)) == 1:
            break


@pytest.mark.parametrize(("name", "millions"), [("fave", "39.58"), ("fmrec", "1183.58"), ("diffurec", "1262.49")])
def test_the_decoder_can_be_left_out(name, millions):
    assert f"{published(build(name))[1] / 1e6:.2f}" == millions


def test_fave_after_its_first_stage_takes_thirty_steps():
    model = build("fave")
    one = published(model)[0]
    model.enter_stage("pretrain")
    assert published(model)[0] == 30 * one


class Meter:
    """What linear modules multiply while they are called, by hooks: the view of the papers' tool."""

    def __init__(self, model: nn.Module) -> None:
        self.total = 0
        for module in model.modules():
            if isinstance(module, nn.Linear):
                module.register_forward_hook(self._add)

    def _add(self, linear: nn.Module, _: Any, output: Tensor) -> None:
        assert isinstance(linear, nn.Linear)
        self.total += output.numel() * linear.in_features


@pytest.mark.parametrize(
    ("name", "config"),
    [("fave", {}), ("fave", {"finetune_steps": 3}), ("fmrec", {"steps": 3}), ("diffurec", {"steps": 3})],
)
def test_declared_layers_are_what_runs_when_the_model_runs_as_published(monkeypatch, name, config):
    """All slots in the last block, and the decoder in every step."""
    decoder = {} if name == "diffurec" else {"skip_decoder_at_test": "no"}
    for block in (blocks.PreNormBlock, fave.Block):
        whole = block.forward
        monkeypatch.setattr(block, "forward", lambda *inputs, last, whole=whole: whole(*inputs, last=False))
    model = build(name, 40, **(config | decoder))
    meter = Meter(model)
    with torch.no_grad():
        InferenceGraph(model)(torch.arange(1, L + 1)[None] % 40 + 1)
    assert meter.total == published(model)[0]


@pytest.mark.parametrize(("name", "config"), [("sasrec", {}), ("bert4rec", {}), ("stosa", {"mean_stream": "fixed"})])
def test_declared_layers_are_what_runs_over_all_slots(name, config):
    model = build(name, 100, **config)
    meter, history = Meter(model), torch.arange(1, L + 1)[None]
    with torch.no_grad():
        states = model.states(history)
        if name == "bert4rec":
            model.answer(states)
    assert meter.total == published(model)[0]


# --- the complete count, in millions per user on ML-100k: the published one, attention and scoring included, less
# what our code saves for the same scores

LATER = L - 1
"""Slots at which the last block is not asked for its output."""
BLOCK = LATER * (10 * D**2 + 2 * L * D)
"""Queries, output and feed-forward of a Transformer block, and its two attention products."""
COMPLETE = [
    ("gru4rec", {}, "5.95", LATER * D * D),
    ("caser", {}, "23.02", 0),
    ("sasrec", {}, "9.69", LATER * (3 * D**2 + 2 * L * D)),
    ("bert4rec", {}, "21.98", BLOCK + LATER * D * D),
    ("stosa", {"mean_stream": "fixed"}, "21.37", 2 * BLOCK),
    ("diffurec", {"steps": 1}, "42.2", BLOCK),
    ("fave", {}, "42.4", BLOCK),
    ("fave", {"cross_attention": "on"}, "58.1", BLOCK + LATER * (2 * D**2 + 2 * L * D)),
]


@pytest.mark.parametrize(("name", "config", "millions", "saved"), COMPLETE)
def test_complete_is_the_published_computation_less_what_is_saved(name, config, millions, saved):
    digits = len(millions.partition(".")[2])
    total = count(build(name, **config), name).total
    assert f"{(total + saved) / 1e6:.{digits}f}" == millions


@pytest.mark.parametrize(("name", "millions"), [("fmrec", "1260.6"), ("diffurec", "1344.6")])
def test_a_sampler_costs_its_steps(name, millions):
    """One step and the scoring, then the others; each at 8 d² for the time and four blocks."""
    model = build(name, steps=1)
    step, whole = step_cost(model, name), build(name).sampler_steps()
    assert step == 8 * D**2 + 4 * (12 * D**2 * L + 2 * L**2 * D) - BLOCK
    assert f"{(count(model, name).total + (whole - 1) * step + whole * BLOCK) / 1e6:.1f}" == millions


def test_dreamrec_multiplies_its_constants_once():
    """Published: 14 d² a step. Here 4 d² for the step's embedding and d² each for it and for the state; in all 2 d²
    for h and the null vector, and one query, one key and one value."""
    model = build("dreamrec", steps=3)
    guidance = 5 * D**2 * L + 2 * L**2 * D - LATER * (5 * D**2 + 2 * L * D)
    assert step_cost(model, "dreamrec") == 6 * D**2
    assert count(model, "dreamrec").total == guidance + 2 * D**2 + 3 * 6 * D**2 + D * 1_683


def test_autoseqrec_multiplies_the_catalogue_four_times():
    """N D to encode the user, 3 N D for the products; the graph's rows are encoded once for everybody."""
    assert count(fitted("autoseqrec"), "autoseqrec").total == 4 * 40 * 16


# --- every model


@pytest.mark.parametrize("name", registry.names())
def test_both_counts_agree_and_do_not_depend_on_weights_or_users(name):
    first, second = fitted(name), fitted(name, seed=1)
    products = count(first, name)
    assert products == count(second, name)
    assert (products.total > 0) == (first.samples != "none") == (published(first)[0] > 0)
    graph = InferenceGraph(second)
    for history in ([0, 0, 0, 0, 0, 7], [9, 9, 9, 9, 9, 9]):
        with torch.no_grad():
            assert dispatched_products(lambda history=history: graph(torch.tensor([history]))) == products.total


class Outside(Recommender):
    """A model as another package would write it: a layer, a product with the table, and no word on costs."""

    def __init__(self, config: Any, num_items: int) -> None:
        super().__init__(config, num_items)
        self.items, self.layer = nn.Embedding(self.vocabulary, 4), nn.Linear(4, 4)

    def user_vectors(self, history: Tensor, *, draw: Any) -> Tensor:
        return self.layer(self.items(history)).mean(1)

    def item_vectors(self) -> Tensor:
        return self.items.weight


class Unpriced(Outside):
    def user_vectors(self, history: Tensor, *, draw: Any) -> Tensor:
        return torch.linalg.matrix_exp(self.layer.weight)[:1].expand(len(history), -1)


class Steered(Outside):
    """The product decides a branch and leaves no trace in the graph."""

    def user_vectors(self, history: Tensor, *, draw: Any) -> Tensor:
        states = self.layer(self.items(history))
        return states.mean(1) if bool((states @ states.mT).sum() > -1e9) else states.amax(1)


class Sparse(Outside):
    def user_vectors(self, history: Tensor, *, draw: Any) -> Tensor:
        return (torch.eye(self.vocabulary).to_sparse() @ self.items.weight)[history].mean(1)


class Untraceable(Outside):
    def __init__(self, config: Any, num_items: int) -> None:
        super().__init__(config, num_items)
        self.sparse = torch.eye(self.vocabulary).to_sparse()  # not a buffer: the tracer knows no such constant

    def user_vectors(self, history: Tensor, *, draw: Any) -> Tensor:
        return (self.sparse @ self.items.weight)[history].mean(1)


def outside(kind: type[Outside]) -> Outside:
    return kind(ModelConfig(window=6), 40).eval()


def test_an_outside_model_that_says_nothing_is_counted_as_it_runs():
    model = outside(Outside)
    products = count(model, "outside")
    assert (products.total, products.layers) == (6 * 16 + 41 * 4, 6 * 16)
    assert published(model, otherwise=products.layers) == (96, 96)
    assert step_cost(model, "outside") is None


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (Unpriced, "aten::linalg_matrix_exp in outside is not known"),
        (Steered, "outside are not certain: fvcore counts 260, torch's FlopCounterMode 404"),
        (Sparse, "outside cannot be counted: the graph does not tell the size"),
        (Untraceable, "outside cannot be counted: Unsupported value kind"),
    ],
)
def test_a_product_that_cannot_be_counted_is_an_error(kind, sentence):
    with pytest.raises(BenchError, match=sentence) as error:
        count(outside(kind), "outside")
    assert "\n" not in str(error.value)


# --- the verb


def test_measure_flops_prints_and_keeps_its_rows(tmp_path, capsys):
    asked = ["--what", "flops", "--models", "fave", "markov", "gru4rec", "--datasets", "markov", "--json"]
    assert measure.main([*asked, "--results", str(tmp_path)]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [(row["model"], row["setting"]) for row in rows] == [
        ("fave", "released"), ("fave", "paper"), ("markov", "reference"), ("gru4rec", "released"),
    ]  # fmt: skip
    flow, _, chain, recurrent = rows
    assert (flow["steps"], flow["dataset"]) == (1, "markov")
    assert flow["parameters"] == 2177 * (flow["items"] + 1) + 2_592_256
    assert flow["paper_gmacs"] > flow["paper_without_decoder_gmacs"] > flow["complete_gmacs"] > flow["step_gmacs"] > 0
    assert (chain["paper_gmacs"], chain["complete_gmacs"], chain["step_gmacs"], chain["steps"]) == (0, 0, None, None)
    assert recurrent["complete_gmacs"] * 1e9 == 50 * 3 * 128 * 256 + 128 * 128 + 128 * (recurrent["items"] + 1)
    (kept,) = tmp_path.rglob("*.json")
    assert kept.parent == tmp_path / "measured/flops"
    (measurement,) = measurements(tmp_path, "flops")
    assert [row.model_dump(mode="json") for row in measurement.rows] == rows


def test_of_a_measurement_that_fails_only_what_came_before_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "names", lambda: ["gru4rec", "unpriced"])
    load = registry.load
    monkeypatch.setattr(registry, "load", lambda name: Unpriced if name == "unpriced" else load(name))
    asked = ["--what", "flops", "--models", "gru4rec", "unpriced", "--datasets", "markov"]
    with pytest.raises(BenchError, match="aten::linalg_matrix_exp in unpriced default") as error:
        measure.main([*asked, "--results", str(tmp_path)])
    assert error.value.exit_code == 1
    (measurement,) = measurements(tmp_path, "flops")
    assert [row.model for row in measurement.rows] == ["gru4rec"]
