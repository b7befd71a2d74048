"""Laws of BERT4Rec: size, cost, the network slot by slot, what is hidden, what is dropped, and learning by heart."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_world import fingerprint
from torch.utils.flop_counter import FlopCounterMode

from baselines.bert4rec import BERT4Rec
from fave_bench.data.windows import valid
from fave_bench.models.contract import Batch, parameter_count
from fave_bench.randomness import StepDraw

HISTORY = torch.tensor([[0, 0, 3, 7, 2], [5, 1, 4, 9, 8], [0, 0, 0, 0, 6]])
MASK = 10


def model(**config) -> BERT4Rec:
    torch.manual_seed(1)
    small = {"window": 5, "d": 8, "dropout": 0.0, "attention_dropout": 0.0}
    net = BERT4Rec(BERT4Rec.Config(**(small | config)), 9)
    for parameter in net.parameters():  # away from the near-zero start
        parameter.data += 0.2 * torch.randn_like(parameter)
    return net.eval()


def batch(seed: int = 0) -> Batch:
    return Batch(torch.arange(3), HISTORY, HISTORY, StepDraw(seed), torch.nonzero(HISTORY.flatten()).squeeze(1))


def test_parameter_count_is_the_closed_form():
    """(V + 1) d + L d + 2 d + n (12 d² + 13 d) + d² + d + 2 d + V: 637,203 on ML-100k at d = 128, 217,043 at 64."""
    for d, total in ((128, 637_203), (64, 217_043)):
        assert parameter_count(BERT4Rec(BERT4Rec.Config(d=d), 1682)) == total
        assert total == 1684 * d + 50 * d + 2 * d + 2 * (12 * d**2 + 13 * d) + d**2 + 3 * d + 1683


def test_multiply_accumulates_are_the_closed_form_with_the_last_block_at_one_slot():
    """All slots: 12 d² L + 2 L² d. One slot: 2 d² L for keys and values, 10 d² + 2 L d for the rest; d² + d V above."""
    d, length = 8, 5
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model().scores(HISTORY[:1], draw=StepDraw(0))
    block, last = 12 * d**2 * length + 2 * length**2 * d, 2 * d**2 * length + 10 * d**2 + 2 * length * d
    assert counter.get_total_flops() / 2 == block + last + d**2 + d * 10


def test_the_network_against_the_equations_slot_by_slot():
    """Every user alone, without padding, batches or masks; positions count from the oldest item."""
    net = model()
    for row in range(3):
        items = [i for i in HISTORY[row].tolist() if i]
        x = net.norm(torch.stack([net.items.weight[i] + net.positions.weight[n] for n, i in enumerate(items)]))
        for block in net.blocks:
            x = torch.stack([_slot(block, x, n) for n in range(len(items))])
        assert torch.allclose(net.states(HISTORY)[row, 5 - len(items) :], x, atol=1e-5)


def _slot(block, x, n):
    key, value = block.key_value(x).chunk(2, 1)
    heads = []
    for part in (slice(0, 4), slice(4, 8)):
        weight = (key[:, part] @ block.query(x[n])[part] / 2.0).softmax(0)
        heads.append(weight @ value[:, part])
    y = block.norm_attention(x[n] + block.output(torch.cat(heads)))
    inner = block.inner(y)
    return block.norm_forward(y + block.outer(inner * 0.5 * (1 + torch.erf(inner / 2**0.5))))


def test_the_last_slot_alone_equals_the_last_of_all():
    assert torch.allclose(model().states(HISTORY, last_only=True)[:, 0], model().states(HISTORY)[:, -1], atol=1e-6)


def test_a_later_item_changes_earlier_states_but_padding_takes_no_part():
    net, changed = model(), HISTORY.clone()
    changed[:, -1] = 1
    before = net.states(HISTORY)
    assert not torch.allclose(before[:2, 2:4], net.states(changed)[:2, 2:4])
    with torch.no_grad():
        net.items.weight[0] = 100.0
    assert torch.equal(before[valid(HISTORY)], net.states(HISTORY)[valid(HISTORY)])


def test_public_code_drops_the_oldest_item_even_where_there_is_room():
    public, never = model(drop_first="public"), model(drop_first="never")
    assert public.question(HISTORY).tolist() == [[0, 0, 7, 2, MASK], [1, 4, 9, 8, MASK], [0, 0, 0, 0, MASK]]
    assert never.question(HISTORY).tolist() == [[0, 3, 7, 2, MASK], [1, 4, 9, 8, MASK], [0, 0, 0, 6, MASK]]
    other = HISTORY.clone()
    other[0, 2] = other[2, 4] = 1
    for net, seen in ((public, False), (never, True)):
        a, b = (net.scores(history, draw=StepDraw(0)) for history in (HISTORY, other))
        assert [not torch.equal(a[row], b[row]) for row in (0, 2)] == [seen, seen]


def test_an_empty_history_still_gets_finite_scores():
    for drop_first in ("public", "never"):
        empty = torch.zeros(1, 5, dtype=torch.int64)
        assert model(drop_first=drop_first).scores(empty, draw=StepDraw(0)).isfinite().all()


@settings(max_examples=40)
@given(st.integers(1, 20), st.floats(0.05, 0.95), st.integers(0, 99))
def test_a_window_hides_a_rounded_share_of_its_items_at_least_one_and_only_items(items, ratio, seed):
    net = model(window=20, mask_ratio=ratio, last_only=0.0)
    history = torch.zeros(4, 20, dtype=torch.int64)
    history[:, 20 - items :] = 1
    hidden = net.hidden_slots(history, StepDraw(seed))
    assert not (hidden & (history == 0)).any()
    assert ((hidden.sum(1) - ratio * items).abs() <= 0.5 + 1e-4).all() or (hidden.sum(1) == 1).all()


def test_every_item_is_hidden_now_and_then_the_first_and_the_last_included():
    net, history = model(last_only=0.0), torch.tensor([[0, 0, 3, 7, 2]]).repeat(200, 1)
    assert net.hidden_slots(history, StepDraw(0)).any(0).tolist() == [False, False, True, True, True]
    only_last = model(last_only=1.0).hidden_slots(history, StepDraw(0))
    assert only_last[:, -1].all() and not only_last[:, :-1].any()
    assert 60 < model(last_only=0.5, mask_ratio=0.9).hidden_slots(history, StepDraw(0)).sum(1).eq(1).sum() < 140


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ratio", [0.2, 0.6])
def test_the_loss_against_a_plain_loop_over_hidden_slots(seed, ratio):
    net, terms = model(mask_ratio=ratio), []
    hidden = net.hidden_slots(HISTORY, StepDraw(seed))
    states = net.states(torch.where(hidden, MASK, HISTORY))
    for row, slot in torch.nonzero(hidden).tolist():
        head = net.head(states[row, slot])
        answer = net.head_norm(head * 0.5 * (1 + torch.erf(head / 2**0.5)))
        logits = net.items.weight[:MASK] @ answer + net.bias
        terms.append(logits.logsumexp(0) - logits[HISTORY[row, slot]])
    assert torch.isclose(net.losses(batch(seed))["ce"], torch.stack(terms).mean(), atol=1e-5)


def test_a_hidden_item_does_not_leak_into_its_own_prediction():
    net = model(last_only=1.0)
    other = HISTORY.clone()
    other[:, -1] = 1
    hidden = net.hidden_slots(HISTORY, StepDraw(0))
    a, b = (net.states(history.masked_fill(hidden, MASK)) for history in (HISTORY, other))
    assert torch.equal(a, b)


def test_outputs_on_fixed_weights_belong_to_this_version():
    assert BERT4Rec.version == 1, "the mathematics changed: take the new numbers too"
    assert fingerprint(model(), HISTORY) == pytest.approx([-1.05496, -0.76442, -0.36256, -2.49073], abs=1e-4)
    assert fingerprint(model(drop_first="never"), HISTORY) == pytest.approx(
        [-1.05501, -0.76445, -0.36254, -2.49122], abs=1e-4
    )
