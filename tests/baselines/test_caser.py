"""Laws of Caser: size, cost, convolutions written out, padding switches, users, norms, and learning by heart."""

import pytest
import torch
from small_world import fingerprint, from_rows
from torch.utils.flop_counter import FlopCounterMode

from baselines.caser import Caser
from fave_bench.data.splits import leave_one_out
from fave_bench.models import parts
from fave_bench.models.contract import Batch, parameter_count
from fave_bench.randomness import StepDraw, UserDraw

HISTORY = torch.tensor([[0, 0, 3, 7, 2], [5, 1, 4, 9, 8], [0, 0, 0, 0, 6]])
USERS = torch.tensor([0, 1, 2])
SEQUENCES = from_rows([[3, 7, 2, 1, 4], [5, 1, 4, 9, 8, 2], [6, 1, 2]])
ALIGNED = {"padding": "left", "padding_vector": "zero", "final_relu": False}


def model(**config) -> Caser:
    torch.manual_seed(1)
    small = {"window": 5, "d": 6, "vertical": 2, "horizontal": 3, "dropout": 0.0}
    net = Caser(Caser.Config(**(small | config)), 9)
    net.fit(SEQUENCES, leave_one_out(SEQUENCES))
    for parameter in net.parameters():  # away from zero biases
        parameter.data += 0.1 * torch.randn_like(parameter)
    return net.eval()


def test_parameter_count_is_the_closed_form():
    """(V + U') d + nv (L + 1) + nh d L (L + 1) / 2 + nh L + (nv d + nh L) d + d + 2 d² + d, U' = U + 1."""
    for d, total in ((128, 1_792_220), (64, 871_836)):
        net = Caser(Caser.Config(d=d), 1682)
        net.fit(from_rows([[1, 2, 3]] * 943), leave_one_out(from_rows([[1, 2, 3]] * 943)))
        assert parameter_count(net) == total
        convolutions = 4 * 51 + 8 * d * 50 * 51 // 2 + 8 * 50
        assert total == (1683 + 944) * d + convolutions + (4 * d + 8 * 50) * d + d + 2 * d**2 + d


def test_multiply_accumulates_are_the_closed_form():
    """nv L d + nh d L (L + 1) (L + 2) / 6 + (nv d + nh L) d + 2 d² + d V."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model().scores(HISTORY[:1], draw=StepDraw(0))
    kernels = 3 * 6 * 5 * 6 * 7 // 6
    assert counter.get_total_flops() / 2 == 2 * 5 * 6 + kernels + (2 * 6 + 3 * 5) * 6 + 2 * 36 + 6 * 10


@pytest.mark.parametrize("window", [1, 5, 8, 11])
def test_horizontal_convolutions_against_sums_over_every_position(window):
    layer = model(window=window).horizontal
    x = torch.randn(2, 6, window, generator=torch.Generator().manual_seed(2))
    expected = torch.zeros(2, window, 3)
    for h in range(1, window + 1):
        for n in range(3):
            kernel, bias = layer.kernels[h - 1][n], layer.bias[h - 1, n]
            at = [(x[:, :, t : t + h] * kernel).sum((1, 2)) + bias for t in range(window - h + 1)]
            expected[:, h - 1, n] = torch.stack(at).max(0).values.clamp_min(0)
    assert torch.allclose(layer(x), expected.flatten(1), atol=1e-5)


def drawn(*shape: int, **options) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2), **options)


@pytest.mark.parametrize(
    ("window", "width"), [(1, 1), (2, 2), (10, 10), (11, 11), (11, 1), (11, 3), (11, 9), (23, 23), (23, 6), (23, 22)]
)
def test_gradients_through_spectra_are_those_of_the_convolutions(window, width):
    layer, padding = model(window=window).double().horizontal, drawn(6, dtype=torch.double)
    x = drawn(2, width, 6, dtype=torch.double)
    if width < window:
        x[:, -1] = 0
    x.requires_grad_()
    whole = torch.cat((x, x.new_zeros(2, window - width, 6)), 1) + padding
    outputs = [layer(whole.mT), layer.of_parts([x], padding)]
    inputs = [x, *layer.parameters()]
    gradients = [torch.autograd.grad(output.square().sum(), inputs, retain_graph=True) for output in outputs]
    gradients = [[of_x[:, : width - (width < window)], *others] for of_x, *others in gradients]
    for direct, through in zip([outputs[0], *gradients[0]], [outputs[1], *gradients[1]], strict=True):
        assert torch.allclose(direct, through, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("config", [{}, {"padding": "left"}, {"padding_vector": "zero"}, ALIGNED])
@pytest.mark.parametrize("window", [5, 9])
def test_losses_and_gradients_while_training_are_those_of_the_convolutions(config, window, monkeypatch):
    net, found = model(window=window, **config), []
    history = torch.cat((HISTORY.new_zeros(3, window - 5), HISTORY), 1)[[1, 0, 2]]  # by falling length
    monkeypatch.setattr(parts, "WORTH", {"cpu": 1})  # parts of several widths
    for training in (False, True):
        terms = net.train(training).losses(Batch(USERS, history, torch.tensor([4, 2, 9]), StepDraw(0)))
        found.append([terms["ce"], *torch.autograd.grad(terms["ce"], list(net.parameters()))])
    assert net.padding_free == (net.config.padding == "right")
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in zip(*found, strict=True))


def test_under_autocast_spectra_keep_full_precision():
    net, wide = model(window=11), torch.cat((torch.zeros(3, 6, dtype=torch.long), HISTORY), 1)
    with torch.autocast("cpu", torch.bfloat16):
        trained = net.train().training_features(wide, None)[:, 12:]
    assert torch.allclose(trained, net.eval().features(wide)[:, 12:], atol=1e-5)


def test_the_query_against_the_equations_for_one_user():
    net = model(padding="left")
    x = net.items.weight[HISTORY[0]]  # (L, d)
    vertical = torch.stack([(w[:, None] * x).sum(0) + b for w, b in zip(*net.vertical.parameters(), strict=True)], 1)
    features = torch.cat((vertical.flatten(), net.horizontal(x.T[None])[0]))
    z = (net.inner.weight @ features + net.inner.bias).relu()
    q = (net.outer.weight @ torch.cat((z, net.users.weight[1])) + net.outer.bias).relu()
    assert torch.allclose(net.query(HISTORY, USERS)[0], q, atol=1e-5)
    assert torch.allclose(net.scores(HISTORY, draw=UserDraw(0, USERS))[0], net.items.weight @ q, atol=1e-5)


@pytest.mark.parametrize("config", [{}, {"padding": "left"}, ALIGNED])
def test_the_padding_vector_is_seen_exactly_as_the_switch_says(config):
    net = model(**config)
    before = net.query(HISTORY, USERS)
    with torch.no_grad():
        net.items.weight[0] = 3.0
    changed = (net.query(HISTORY, USERS) != before).any(1).tolist()
    assert changed == ([False] * 3 if config == ALIGNED else [True, False, True])


def test_right_padding_moves_a_short_history_to_the_front_and_left_padding_does_not():
    moved = torch.tensor([[3, 7, 2, 0, 0], [5, 1, 4, 9, 8], [6, 0, 0, 0, 0]])
    right, left = model(padding="right"), model(padding="left")
    assert torch.allclose(right.query(HISTORY, USERS), left.query(moved, USERS), atol=1e-6)
    assert not torch.allclose(right.query(HISTORY, USERS)[0], left.query(HISTORY, USERS)[0])


def test_the_final_relu_is_a_switch():
    assert (model().query(HISTORY, USERS) >= 0).all()
    assert (model(final_relu=False).query(HISTORY, USERS) < 0).any()


def test_users_have_their_own_row_strangers_share_row_0_and_a_batch_changes_nothing():
    net = model()
    together = net.scores(HISTORY, draw=UserDraw(0, USERS))
    alone = net.scores(HISTORY[1:2], draw=UserDraw(0, USERS[1:2]))
    assert torch.allclose(together[1:2], alone, atol=1e-6)
    stranger = net.scores(HISTORY, draw=StepDraw(0))
    assert torch.equal(stranger, net.scores(HISTORY, draw=UserDraw(0, torch.tensor([-1, 3, 99]))))
    assert not torch.allclose(stranger, together)
    indifferent = model(user_vector=False)
    assert torch.equal(indifferent.query(HISTORY, USERS), indifferent.query(HISTORY, USERS.flip(0)))


def test_the_loss_is_cross_entropy_and_the_sum_of_unsquared_norms():
    net, target = model(regularisation=0.5), torch.tensor([4, 2, 9])
    terms = net.losses(Batch(USERS, HISTORY, target, StepDraw(0)))
    logits = net.query(HISTORY, USERS) @ net.items.weight.T
    expected = torch.stack([row.logsumexp(0) - row[t] for row, t in zip(logits, target, strict=True)]).mean()
    assert torch.isclose(terms["ce"], expected)
    matrices = [net.users.weight, net.items.weight, net.vertical.weight, net.inner.weight, net.outer.weight]
    norms = [weight.square().sum().sqrt() for weight in (*matrices, *net.horizontal.kernels)]
    assert torch.isclose(terms["norms"], 0.5 * sum(norms))


def test_saved_weights_bring_their_user_table_along():
    net, fresh = model(), Caser(model().config, 9)
    fresh.load_state_dict(net.state_dict())
    draw = UserDraw(0, USERS)
    assert torch.equal(fresh.eval().scores(HISTORY, draw=draw), net.scores(HISTORY, draw=draw))


def test_outputs_on_fixed_weights_belong_to_this_version():
    assert Caser.version == 1, "the mathematics changed: take the new numbers too"
    assert fingerprint(model(), HISTORY) == pytest.approx([-0.39642, 0.24019, 0.0533, -0.14603], abs=1e-5)
    assert fingerprint(model(**ALIGNED), HISTORY) == pytest.approx([-1.0521, 0.59642, 0.20009, -0.27569], abs=1e-5)
