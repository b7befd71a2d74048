"""Laws of GRU4Rec: size, cost, padding, the recurrence step by step, the loss, and learning by heart."""

import pytest
import torch
from small_world import fingerprint
from torch.utils.flop_counter import FlopCounterMode

from baselines.gru4rec import GRU4Rec
from fave_bench.models.contract import Batch, parameter_count
from fave_bench.randomness import StepDraw

HISTORY = torch.tensor([[0, 0, 3, 7, 2], [5, 1, 4, 9, 8], [0, 0, 0, 0, 6]])


def model(**config) -> GRU4Rec:
    torch.manual_seed(1)
    return GRU4Rec(GRU4Rec.Config(**({"window": 5, "d": 6, "hidden": 4, "dropout": 0.0} | config)), 9).eval()


def test_parameter_count_is_the_closed_form():
    """V e + 3 h (e + h) + h e + e: 330,240 on ML-100k at 128/128 and 189,696 at RecBole's 64/128."""
    for d, total in ((128, 330_240), (64, 189_696)):
        assert parameter_count(GRU4Rec(GRU4Rec.Config(d=d), 1682)) == total
        assert total == 1683 * d + 3 * 128 * (d + 128) + 128 * d + d


def test_multiply_accumulates_are_the_closed_form_with_the_dense_layer_once():
    """L 3 h (e + h) + h e + e V."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model().scores(HISTORY[:1], draw=StepDraw(0))
    assert counter.get_total_flops() / 2 == 5 * 3 * 4 * (6 + 4) + 4 * 6 + 6 * 10


def test_states_against_the_published_recurrence_step_by_step():
    net = model()
    w_reset, w_update, w_new = net.gru.weight_ih_l0.chunk(3)
    u_reset, u_update, u_new = net.gru.weight_hh_l0.chunk(3)
    for row in HISTORY:
        h = torch.zeros(4)
        for item in row[row != 0]:
            x = net.items.weight[item]
            reset, update = torch.sigmoid(w_reset @ x + u_reset @ h), torch.sigmoid(w_update @ x + u_update @ h)
            h = update * h + (1 - update) * torch.tanh(w_new @ x + reset * (u_new @ h))
        expected = net.items.weight @ (net.dense.weight @ h + net.dense.bias)
        assert torch.allclose(net.scores(row[None], draw=StepDraw(0))[0], expected, atol=1e-6)


def test_leading_padding_leaves_the_state_at_zero_whatever_its_vector():
    net = model()
    before = net.last_state(HISTORY)
    with torch.no_grad():
        net.items.weight[0] = 100.0
    assert torch.equal(before, net.last_state(HISTORY))
    shorter = net.last_state(HISTORY[:1, 2:])
    assert torch.allclose(before[:1], shorter, atol=1e-7)
    assert not net.last_state(torch.zeros(1, 5, dtype=torch.int64)).any()


def test_stepping_over_items_only_gives_the_same_states_and_gradients():
    net, gradients = model(), []
    for training in (False, True):
        net.train(training).zero_grad()
        state = net.last_state(HISTORY)
        state.square().sum().backward()
        gradients.append((state.detach(), *(p.grad.clone() for p in (net.items.weight, *net.gru.parameters()))))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*gradients, strict=True))


def test_the_loss_is_full_cross_entropy_over_every_row_padding_included():
    net, target = model(), torch.tensor([4, 2, 9])
    logits = net.dense(net.last_state(HISTORY)) @ net.items.weight.T
    expected = torch.stack([row.logsumexp(0) - row[t] for row, t in zip(logits, target, strict=True)]).mean()
    assert torch.isclose(net.losses(Batch(torch.arange(3), HISTORY, target, StepDraw(0)))["ce"], expected)


def test_outputs_on_fixed_weights_belong_to_this_version():
    assert GRU4Rec.version == 1, "the mathematics changed: take the new numbers too"
    assert fingerprint(model(), HISTORY) == pytest.approx([-0.41036, 0.66739, -0.54302, -0.29882], abs=1e-5)
