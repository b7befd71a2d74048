"""A compiled training step is the same step: equal losses and gradients, dropout still random, nothing left behind."""

from functools import partial
from typing import Any

import pytest
import torch
from flow_helpers import histories, small, step_draw, targets
from nightly import NIGHTLY
from torch import Tensor

from fave_bench.efficiency import environment
from fave_bench.efficiency.environment import compiler_missing, require_compiler
from fave_bench.errors import BenchError
from fave_bench.models import registry
from fave_bench.models.contract import Batch, Recommender
from fave_bench.models.dropout import Dropout
from fave_bench.training.compiling import CompiledStep

needs_compiler = pytest.mark.skipif(compiler_missing(), reason="needs a C++ compiler")
slow = pytest.mark.skipif(not NIGHTLY, reason="compiles every model; set FAVE_BENCH_SLOW_TESTS=1")
pytestmark = pytest.mark.filterwarnings("ignore")  # what torch says to itself while compiling
PLAIN = {"blocks": 2, "dropout": 0.0, "emb_dropout": 0.0, "key_mask": "on"}
FAVE = PLAIN | {"drop_path": 0.0, "delta": 0.1, "gamma": 1.0}


def model(name: str, stage: str = "pretrain", **config: Any) -> Recommender:
    net: Recommender = small(registry.load(name), **config)
    net.enter_stage(stage)
    return net.train()


def gradients(net: Recommender, *lengths: int) -> dict[str, Tensor]:
    batch = Batch(torch.arange(len(lengths)), histories(*lengths), targets(len(lengths)), step_draw())
    terms = net.losses(batch)
    net.zero_grad(set_to_none=True)
    torch.stack(list(terms.values())).sum().backward()
    return {n: t.detach() for n, t in terms.items()} | {
        n: p.grad.clone() for n, p in net.named_parameters() if p.grad is not None
    }


@needs_compiler
@pytest.mark.parametrize(
    ("name", "stage", "config"),
    [
        pytest.param("fave", "pretrain", FAVE | {"key_mask": "off"}, id="fave-released"),
        pytest.param("fave", "finetune", FAVE | {"key_mask": "off"}, id="fave-released-stage-2"),
        pytest.param("fave", "pretrain", FAVE | {"anchor": "valid"}, marks=slow, id="fave-paper"),
        pytest.param("fave", "finetune", FAVE | {"anchor": "valid"}, marks=slow, id="fave-paper-stage-2"),
        pytest.param("fmrec", "train", PLAIN, marks=slow),
    ],
)
def test_losses_and_gradients_are_those_of_the_plain_step_for_any_shape(name, stage, config):
    net = model(name, stage, **config)
    execution = CompiledStep(net, wanted=True)
    for lengths in ((12, 7, 3), (9, 9, 4, 2, 1)):
        plain = gradients(net, *lengths)
        with execution:
            fast = gradients(net, *lengths)
        assert plain.keys() == fast.keys()
        for name, expected in plain.items():
            torch.testing.assert_close(fast[name], expected, rtol=1e-4, atol=1e-5)


@needs_compiler
def test_every_dropout_of_compiled_code_draws_its_own_mask():
    drop = Dropout(0.25).train()
    twice = torch.compile(lambda x: (drop(x), drop(x)))
    first, second = twice(torch.ones(4000))
    assert 0.2 < (first == 0).float().mean() < 0.3
    assert not torch.equal(first, second)
    assert not torch.equal(first, twice(torch.ones(4000))[0])
    assert set(first.unique().tolist()) == {0.0, drop(torch.ones(4000)).max().item()}


def test_nothing_falls_back_to_plain_code_where_both_stages_are_trained(monkeypatch):
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))  # traced alike, and sooner done
    net = model("fave", **FAVE, jvp_tangent="model")
    execution = CompiledStep(net, wanted=True)
    with torch._dynamo.config.patch(fail_on_recompile_limit_hit=True):
        for stage in ("pretrain", "finetune"):
            net.enter_stage(stage)
            for lengths in ((12, 7, 3), (1, 1), (9,)):
                with execution:
                    gradients(net, *lengths)


def test_outside_its_context_the_model_is_as_it_was():
    net = model("fave")
    execution = CompiledStep(net, wanted=True)
    with execution:
        assert net.encode is execution.function
    assert "encode" not in vars(net)
    with pytest.raises(KeyError), execution:
        raise KeyError
    assert "encode" not in vars(net)


def test_what_cannot_be_compiled_is_left_alone():
    sasrec = registry.load("sasrec")
    other = sasrec(sasrec.Config(), 20)
    for execution in (CompiledStep(other, wanted=True), CompiledStep(model("fave"), wanted=False)):
        assert execution.function is None
        with execution:
            assert "encode" not in vars(execution.model)


def test_without_a_compiler_there_is_a_sentence(monkeypatch):
    monkeypatch.setattr(environment, "compiler_missing", lambda: True)
    with pytest.raises(BenchError, match=r"--compile: there is no C\+\+ compiler"):
        require_compiler(torch.device("cpu"))
