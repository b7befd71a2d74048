"""Laws of a shared batch: the processes' gradients and loss terms add up to those of one process, draws included."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.errors import BenchError
from fave_bench.models import parts, registry
from fave_bench.models.contract import Recommender
from fave_bench.models.dropout import Dropout, dropped
from fave_bench.models.parts import in_turn
from fave_bench.randomness import StepDraw
from fave_bench.shares import Share, drawn, mine, working_on
from fave_bench.training.samples import Samples
from fave_bench.training.step import gradients

CPU = torch.device("cpu")
FLOW: dict[str, Any] = {"width": 16, "heads": 2, "decoder": (8, 8), "blocks": 2, "tap": 1}
PAPER: dict[str, Any] = {**FLOW, "key_mask": "on", "source_loss": "full_norm"}
FAVE_PAPER = PAPER | {"s2_param": "endpoint", "anchor": "valid", "jvp_tangent": "model", "ce_input": "f"}
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "autoseqrec": ({"width": 8}, "train"),
    "bert4rec": ({"d": 16}, "train"),
    "caser": ({"d": 8, "vertical": 2, "horizontal": 2}, "train"),
    "diffurec": ({"width": 16, "heads": 2, "blocks": 2}, "train"),
    "diffurec/masked": ({"width": 16, "heads": 2, "blocks": 2, "key_mask": "on"}, "train"),
    "dreamrec": ({"d": 16, "timesteps": 9, "steps": 9}, "train"),
    "fave/released 1": (FLOW, "pretrain"),
    "fave/released 2": (FLOW, "finetune"),
    "fave/balanced": ({**FLOW, "key_mask": "on", "rng": "host"}, "pretrain"),
    "fave/masked 2": ({**FLOW, "key_mask": "on"}, "finetune"),
    "fave/paper 1": (FAVE_PAPER, "pretrain"),
    "fave/paper 2": (FAVE_PAPER, "finetune"),
    "fmrec": (FLOW, "train"),
    "fmrec/paper": (PAPER, "train"),
    "gru4rec": ({"d": 16, "hidden": 8}, "train"),
    "sasrec/bce": ({"d": 16, "loss": "bce"}, "train"),
    "sasrec/ce": ({"d": 16, "loss": "ce"}, "train"),
    "stosa": ({"d": 16, "heads": 2}, "train"),
}
Found = tuple[dict[str, Tensor], dict[str, Tensor | None]]


def made(case: str) -> tuple[Recommender, Samples]:
    """A model of the case in training mode, with every dropout as it is by default, and its samples."""
    config, stage = CASES[case]
    random = np.random.default_rng(5)
    lists = [random.permutation(40)[: random.integers(4, 11)] + 1 for _ in range(20)]
    sequences = Sequences("toy", np.cumsum([0, *map(len, lists)]), np.concatenate(lists).astype(np.int32))
    split = leave_one_out(sequences)
    kind = registry.load(case.partition("/")[0])
    torch.manual_seed(0)
    model = kind(kind.Config(window=6, **config), sequences.num_items)
    model.fit(sequences, split)
    model.enter_stage(stage)
    samples = Samples(sequences, split, model.samples, 6, CPU, sort=model.padding_free)
    return model.train(), samples


def found(model: Recommender, samples: Samples, rows: Tensor, share: Share | None) -> Found:
    """Loss terms and gradients of a step on `rows`, or of a share in it."""
    model.zero_grad(set_to_none=True)
    terms = gradients(model, samples.batch(rows, 11, share))
    return terms, {n: None if p.grad is None else p.grad.clone() for n, p in model.named_parameters()}


def assert_close(summed: Tensor, whole: Tensor, scale: float) -> None:
    assert (summed - whole).abs().max() <= 1e-11 * scale


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches fall into many parts, some of a single row."""
    monkeypatch.setattr(parts, "CACHED", 18)
    monkeypatch.setitem(parts.WORTH, "cpu", 3)


@pytest.fixture
def in_double() -> Iterator[None]:
    """So exact that a difference which is not rounding cannot hide."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_every_model_that_is_trained_has_a_case():
    trained = [name for name in registry.names() if registry.load(name).samples != "none"]
    assert sorted({case.partition("/")[0] for case in CASES}) == trained


@pytest.mark.parametrize(("processes", "size"), [(2, 13), (3, 14), (4, 3)], ids=["2 of 13", "3 of 14", "4 of 3"])
@pytest.mark.parametrize("case", CASES)
def test_shares_add_up_to_the_whole_batch(case, processes, size, short_parts, in_double):
    model, samples = made(case)
    model.double()
    rows = torch.randperm(len(samples), generator=torch.Generator().manual_seed(1))[:size]
    terms, whole = found(model, samples, rows, None)
    shares = [found(model, samples, rows, Share.of(rank, processes, size)) for rank in range(processes)]
    assert {frozenset(part[0]) for part in shares} == {frozenset(terms)}
    for name, term in terms.items():
        assert_close(sum(part[0][name] for part in shares), term, float(term.abs()) + 1e-6)
    largest = max(float(grad.abs().max()) for grad in whole.values() if grad is not None)
    for name, grad in whole.items():
        here = [part[1][name] for part in shares]
        assert [one is None for one in here] == [grad is None] * processes, name
        if grad is not None:
            assert_close(sum(here), grad, largest)


@pytest.mark.parametrize("case", CASES)
def test_so_they_do_with_the_dropout_of_a_gpu(case, short_parts, in_double, monkeypatch):
    monkeypatch.setattr(Dropout, "forward", lambda self, x: dropped(x, self.rate) if self.training else x)
    test_shares_add_up_to_the_whole_batch(case, 2, 13, None, None)


@given(st.integers(1, 7), st.integers(1, 40), st.data())
def test_every_row_belongs_to_one_process_and_parts_to_the_same_one(processes, rows, data):
    first = data.draw(st.integers(0, rows - 1))
    stop = data.draw(st.integers(first + 1, rows))
    if processes == 1:
        assert Share.of(0, 1, rows) is None
        return
    shares = [share for rank in range(processes) if not (share := Share.of(rank, processes, rows)).idle]
    assert len(shares) == min(processes, rows)
    owned = [list(range(rows))[share.mine] for share in shares]
    assert sorted(chain(*owned)) == list(range(rows))
    for share, own in zip(shares, owned, strict=True):
        assert list(range(first, stop))[share.part(first, stop).mine] == [row for row in own if first <= row < stop]
        assert share.before(stop) - share.before(first) == sum(first <= row < stop for row in own)


@pytest.mark.parametrize("drop", [Dropout(0.4), lambda x: dropped(x, 0.4)], ids=["ours", "torch's"])
def test_dropout_of_a_share_is_that_of_its_rows(drop):
    x = torch.randn(5, 3, 4)
    torch.manual_seed(7)
    whole = drop(x)
    for rank in range(2):
        share = Share.of(rank, 2, 5)
        torch.manual_seed(7)
        with working_on(share):
            assert torch.equal(drop(mine(x)), whole[share.mine])


def test_draws_of_parts_are_those_of_the_whole_parts():
    whole, share = StepDraw(3), Share.of(1, 2, 5)
    expected = [whole.normal(2, 4), whole.normal(3, 4)]
    mine_of_it, rows = StepDraw(3), [(0, 2), (2, 5)]

    class Piece:
        def __init__(self, first: int, stop: int) -> None:
            self.share = share.part(first, stop)

    with working_on(share):
        taken = [mine_of_it.normal(1, 4) for _ in in_turn([Piece(*pair) for pair in rows])]
        assert len(mine_of_it.uniform(2)) == 2, "after the parts it is the whole batch's turn again"
    assert torch.equal(torch.cat(taken), torch.cat([expected[0][1:2], expected[1][1:2]]))


def test_what_is_no_row_of_the_batch_cannot_be_drawn_in_shares():
    with working_on(Share.of(0, 2, 6)), pytest.raises(ValueError, match="4 rows were asked for where 3 samples are"):
        drawn(torch.rand, (4, 2))


def test_a_term_nobody_knows_the_mean_of_is_refused_in_shares_alone():
    model, samples = made("gru4rec")
    type(model).means, known = {}, type(model).means
    try:
        gradients(model, samples.batch(torch.arange(4), 0))
        with pytest.raises(BenchError, match="does not say what its loss 'ce' is a mean over"):
            gradients(model, samples.batch(torch.arange(4), 0, Share.of(0, 2, 4)))
    finally:
        type(model).means = known


def test_an_idle_process_counts_nothing():
    model, samples = made("sasrec/ce")
    share = Share.of(1, 2, 1)
    assert share.idle
    terms, grads = found(model, samples, torch.arange(1), share)
    assert terms["ce"] == 0 and not any(grad.any() for grad in grads.values() if grad is not None)
    busy = found(model, samples, torch.arange(1), replace(share, idle=False))
    assert torch.equal(busy[0]["ce"], found(model, samples, torch.arange(1), None)[0]["ce"])
