"""Laws of DreamRec: size, cost, schedules, guidance, what padding does, and a second formulation of it all."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_world import fingerprint
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from baselines.dreamrec import SCHEDULES, DreamRec
from fave_bench.errors import UsageError
from fave_bench.models.contract import Batch, parameter_count
from fave_bench.models.diffusion import Schedule
from fave_bench.randomness import StepDraw, UserDraw

HISTORY = torch.tensor([[0, 0, 3, 7, 2], [5, 1, 4, 9, 8], [0, 0, 0, 0, 6]])
TARGET = torch.tensor([4, 2, 9])


def model(**config) -> DreamRec:
    torch.manual_seed(1)
    sizes = {"window": 5, "d": 8, "timesteps": 10, "steps": 10, "dropout": 0.0}
    net = DreamRec(DreamRec.Config(**(sizes | config)), 9)
    for parameter in net.parameters():  # away from the symmetric start: biases and norms too
        parameter.data += 0.1 * torch.randn_like(parameter)
    return net.eval()


@pytest.mark.parametrize(("d", "window", "total"), [(128, 50, 802_194), (64, 10, 309_266)])
def test_parameter_count_is_the_closed_form_used_and_unused(d, window, total):
    """V d + L d + 12 d² + 18 d and, never used, d N + N + 10 d² + 5 d."""
    net = DreamRec(DreamRec.Config(d=d, window=window), 1682)
    live, dead = 1683 * d + window * d + 12 * d**2 + 18 * d, d * 1682 + 1682 + 10 * d**2 + 5 * d
    assert parameter_count(net) == live + dead == total
    history = torch.randint(1, 1683, (2, window))
    net.diffusion_losses(history, torch.tensor([1, 2]), draw=StepDraw(0), without=torch.tensor([True, False]))[
        "match"
    ].backward()
    assert sum(p.numel() for p in net.parameters() if p.grad is None) == dead


def test_mlp2_has_a_hidden_layer_more():
    assert parameter_count(model(denoiser="mlp2")) - parameter_count(model()) == 5 * 8**2 + 2 * 8


def test_multiply_accumulates_are_the_closed_form():
    """5 d² + 2 L d for the guidance, 2 d² for h and the null vector, 6 d² a step (time, x), V d."""
    d, length, steps = 8, 5, 10
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model().scores(HISTORY[:1], draw=StepDraw(0))
    guidance = 5 * d * d + 2 * length * d
    products = counter.get_total_flops() / 2
    assert products == guidance + 2 * d * d + steps * 6 * d * d + 10 * d


@pytest.mark.parametrize(
    ("name", "steps", "last"), [("exp", 500, 6.35e-3), ("linear", 500, 6.35e-3), ("cosine", 2000, 6e-11)]
)
def test_schedules_end_where_the_published_ones_do(name, steps, last):
    assert Schedule.of(SCHEDULES[name](steps)).alpha_bar[-1] == pytest.approx(last, rel=0.01)


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_destroys_the_signal_and_ends_in_the_prediction(name):
    schedule = Schedule.of(SCHEDULES[name](500))
    assert (np.diff(schedule.alpha_bar) < 0).all() and schedule.alpha_bar[0] > 0.9
    assert ((schedule.beta > 0) & (schedule.beta < 1)).all() and schedule.alpha_bar[-1] < 0.01
    assert [weights[0] for weights in schedule.mean] == [1, 0]


def test_a_sampler_longer_than_the_diffusion_is_refused_before_training():
    with pytest.raises(UsageError, match="10 steps cannot be sampled in 11"):
        model(steps=11)


def plain_guide(net: DreamRec, history: list[int]) -> Tensor:
    """h of one user from the published equations: every slot, then the newest, on an unpadded history."""
    items = [item for item in history if item]
    x = [net.items.weight[item] + net.positions.weight[place] for place, item in enumerate(items)]
    key_weight, value_weight = net.key_value.weight.chunk(2)
    key_bias, value_bias = net.key_value.bias.chunk(2)
    states = []
    for n in range(len(x)):
        query_in = net.norm_query(x[n])
        query = net.query(query_in)
        weight = torch.stack([query @ (key_weight @ x[m] + key_bias) / math.sqrt(8) for m in range(n + 1)]).softmax(0)
        attended = query_in + sum(w * (value_weight @ x[m] + value_bias) for m, w in enumerate(weight))
        inner = net.norm_attended(attended)
        states.append(net.norm_out(net.norm_forward(inner + net.outer(net.inner(inner).relu()))))
    return states[-1]


def plain_denoise(net: DreamRec, x: Tensor, h: Tensor, t: int) -> Tensor:
    """f(x, h, t) on the concatenated vectors."""
    wave = [t * 10_000 ** (-k / 3) for k in range(4)]
    sinusoid = torch.tensor([math.sin(w) for w in wave] + [math.cos(w) for w in wave])
    hidden = net.denoiser.first(torch.cat((x, h, net.step.outer(F.gelu(net.step.inner(sinusoid))))))
    return hidden if net.denoiser.second is None else net.denoiser.second(F.gelu(hidden))


def test_guidance_against_an_independent_formulation():
    net = model()
    expected = torch.stack([plain_guide(net, history) for history in HISTORY.tolist()])
    assert torch.allclose(net.guide(HISTORY, StepDraw(0)), expected, atol=1e-5)


class Recorded:
    """A draw that keeps what it gave."""

    def __init__(self) -> None:
        self.given, self.source = [], StepDraw(0)

    def normal(self, *shape: int) -> Tensor:
        self.given.append(self.source.normal(*shape))
        return self.given[-1]


@pytest.mark.parametrize("denoiser", ["mlp1", "mlp2"])
@pytest.mark.parametrize("w", [0.0, 2.0])
def test_samples_against_the_published_equations_with_both_predictions_written_out(denoiser, w):
    net, draw = model(denoiser=denoiser, guidance=w), Recorded()
    predicted = net.trajectory(HISTORY, draw=draw)
    assert predicted.shape == (11, 3, 8)
    beta = [1 - math.exp(-0.1 / 10 - (1 + 20 * t / 9) * 4.95 / 100) for t in range(10)]
    bar = [math.prod(1 - b for b in beta[: t + 1]) for t in range(10)]
    for row, history in enumerate(HISTORY.tolist()):
        h, given = plain_guide(net, history), iter(draw.given)
        x = next(given)[row]
        for t in reversed(range(10)):
            clean = (1 + w) * plain_denoise(net, x, h, t) - w * plain_denoise(net, x, net.null, t)
            before = bar[t - 1] if t else 1.0
            x = (math.sqrt(before) * beta[t] * clean + math.sqrt(1 - beta[t]) * (1 - before) * x) / (1 - bar[t])
            if t:
                x = x + math.sqrt(beta[t] * (1 - before) / (1 - bar[t])) * next(given)[row]
        assert torch.allclose(predicted[-1, row], x, atol=1e-4)


@pytest.mark.parametrize("denoiser", ["mlp1", "mlp2"])
def test_without_guidance_weight_the_null_vector_is_never_asked(denoiser):
    net = model(guidance=0.0, denoiser=denoiser)
    before = net.trajectory(HISTORY, draw=StepDraw(0))
    net.null.data += 5.0
    assert torch.equal(net.trajectory(HISTORY, draw=StepDraw(0)), before)


@pytest.mark.parametrize("steps", [1, 3, 10])
def test_user_vectors_are_the_end_of_the_trajectory_for_any_number_of_steps(steps):
    net = model(steps=steps)
    states = net.trajectory(HISTORY, draw=StepDraw(0))
    assert len(states) == steps + 1
    assert torch.equal(net.user_vectors(HISTORY, draw=StepDraw(0)), states[-1])


def test_padding_takes_no_part_and_its_amount_does_not_matter():
    net = model()
    before = net.guide(HISTORY, StepDraw(0))
    net.items.weight.data[0] += 100.0
    assert torch.equal(net.guide(HISTORY, StepDraw(0)), before)
    assert torch.allclose(net.guide(HISTORY[:1, 2:], StepDraw(0)), before[:1], atol=1e-6)


def test_public_dropout_stays_on_while_ranking_and_belongs_to_the_user():
    users = torch.tensor([4, 5, 6])
    kept, dropped = (model(dropout=0.5, eval_dropout=switch) for switch in ("off", "public"))
    guided = [net.guide(HISTORY, UserDraw(0, users)) for net in (kept, kept, dropped, dropped)]
    assert torch.equal(guided[0], guided[1]) and torch.equal(guided[2], guided[3])
    assert not torch.allclose(guided[0], guided[2])
    alone = dropped.guide(HISTORY[1:2], UserDraw(0, users[1:2]))
    assert torch.allclose(alone, guided[2][1:2], atol=1e-6)


def test_public_dropout_keeps_the_input_s_mean():
    net = model(dropout=0.3, eval_dropout="public")
    assert net._drop(torch.ones(100_000), StepDraw(0)).mean() == pytest.approx(1.0, abs=0.01)


def test_the_loss_against_a_plain_loop():
    net, t, noise = model(), torch.tensor([0, 4, 9]), StepDraw(1).normal(3, 8)
    without = torch.tensor([False, True, False])
    bar = np.cumprod(1 - SCHEDULES["exp"](10))
    terms = []
    for row, history in enumerate(HISTORY.tolist()):
        left, clean = float(bar[t[row]]), net.items.weight[TARGET[row]]
        h = net.null if without[row] else plain_guide(net, history)
        x = math.sqrt(left) * clean + math.sqrt(1 - left) * noise[row]
        terms.append((plain_denoise(net, x, h, int(t[row])) - clean).square().mean())
    loss = net.diffusion_losses(HISTORY, TARGET, draw=StepDraw(0), t=t, noise=noise, without=without)["match"]
    assert torch.isclose(loss, torch.stack(terms).mean(), atol=1e-5)


def test_a_share_p_of_the_rows_is_trained_without_guidance():
    net, seen = model(null_probability=0.25), []
    net.denoiser.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[1]))
    history, target = HISTORY[1:2].expand(4000, -1), TARGET[1:2].expand(4000)
    net.losses(Batch(torch.arange(4000), history, target, StepDraw(0)))
    share = (seen[0] == net.null).all(1).float().mean()
    assert share == pytest.approx(0.25, abs=0.03)


def test_outputs_on_fixed_weights_belong_to_this_version():
    assert DreamRec.version == 1, "the mathematics changed: take the new numbers too"
    assert fingerprint(model(), HISTORY) == pytest.approx([-0.55885, -1.62434, -1.10352, 0.61613], abs=1e-4)
