"""Laws of DiffuRec: schedule, sampler, a second reading of the public equations, what order and padding do."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_world import fingerprint
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from baselines.diffurec import DiffuRec, truncated_linear
from fave_bench.errors import UsageError
from fave_bench.models.contract import Batch, parameter_count
from fave_bench.models.diffusion import Schedule
from fave_bench.models.released import import_released
from fave_bench.randomness import StepDraw, UserDraw

HISTORY = torch.tensor([[0, 0, 3, 7, 2], [5, 1, 4, 9, 8], [0, 0, 0, 0, 6]])
SMALL = {"window": 5, "width": 8, "blocks": 2, "heads": 4, "dropout": 0.0, "emb_dropout": 0.0, "delta": 0.3}


def model(**config) -> DiffuRec:
    torch.manual_seed(1)
    net = DiffuRec(DiffuRec.Config(**(SMALL | config)), 9)
    for parameter in net.parameters():  # away from the symmetric start: biases and norms too
        parameter.data += 0.1 * torch.randn_like(parameter)
    return net.eval()


def test_parameter_count_is_the_closed_form_and_105216_are_never_used():
    """128 V + 1,030,528 at d = 128: 1,245,952 on ML-100k."""
    net = DiffuRec(DiffuRec.Config(), 1682)
    assert parameter_count(net) == 128 * 1683 + 1_030_528 == 1_245_952
    history = torch.randint(1, 1683, (2, 50))
    net.losses(Batch(torch.arange(2), history, torch.tensor([1, 2]), StepDraw(0)))["target_ce"].backward()
    assert sum(p.numel() for p in net.parameters() if p.grad is None) == 105_216


def test_multiply_accumulates_are_the_closed_form():
    """Per step 8 d² for the time, full blocks 12 d² L + 2 L² d, a last block with one query; then d V."""
    d, length, steps = 8, 5, 7
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(steps=steps).scores(HISTORY[:1], draw=StepDraw(0))
    full, last = 12 * d * d * length + 2 * length**2 * d, 2 * d * d * length + 10 * d * d + 2 * length * d
    assert counter.get_total_flops() / 2 == steps * (8 * d * d + full + last) + d * 10


def test_schedule_has_the_published_end_points():
    beta = truncated_linear(32)
    schedule = Schedule.of(beta)
    assert (beta[0], beta[-1]) == pytest.approx((0.013125, 0.635))
    assert (schedule.alpha_bar[0], schedule.alpha_bar[-1]) == pytest.approx((0.986875, 9.9013e-7), rel=1e-4)
    assert np.allclose(schedule.beta, beta)


@pytest.mark.parametrize("steps", [1, 2, 5, 32])
def test_the_last_step_of_any_schedule_is_the_prediction_itself(steps):
    schedule = Schedule.of(truncated_linear(32)).respaced(steps)
    assert len(schedule) == steps
    assert [weights[0] for weights in schedule.mean] == [1, 0]
    assert schedule.posterior_variance[0] == 0


def test_the_posterior_is_bayes_rule_for_two_gaussians():
    """q(x_{t-1} | x_t, x0) from q(x_{t-1} | x0) and q(x_t | x_{t-1}), by precisions."""
    schedule = Schedule.of(truncated_linear(32))
    for t in (1, 7, 31):
        beta, before = schedule.beta[t], schedule.alpha_bar[t - 1]
        precision = 1 / (1 - before) + (1 - beta) / beta
        expected = math.sqrt(before) / (1 - before) / precision, math.sqrt(1 - beta) / beta / precision
        assert (schedule.mean[0][t], schedule.mean[1][t]) == pytest.approx(expected)
        assert schedule.posterior_variance[t] == pytest.approx(1 / precision)


def test_fewer_steps_keep_the_noise_levels_they_visit_and_start_from_the_noisiest():
    schedule = Schedule.of(truncated_linear(32))
    assert np.array_equal(schedule.respaced(32).times, np.arange(32))
    assert np.allclose(schedule.respaced(32).beta, schedule.beta)
    for steps in (1, 2, 5):
        few = schedule.respaced(steps)
        assert few.times[-1] == 31 and (steps == 1 or few.times[0] == 0)
        assert np.allclose(np.cumprod(1 - few.beta), schedule.alpha_bar[few.times])


def test_a_sampler_longer_than_the_diffusion_is_refused_before_training():
    with pytest.raises(UsageError, match="32 steps cannot be sampled in 33"):
        model(steps=33)


def test_training_times_are_uniform_over_all_steps():
    times = model().noising.times(64_000, StepDraw(0))
    assert (torch.bincount(times, minlength=32) - 2000).abs().max() < 250


def test_the_trajectory_ends_in_its_last_network_call():
    net, calls = model(), []
    inner = net.network
    net.network = lambda *a, **k: calls.append(inner(*a, **k)) or calls[-1]
    states = net.trajectory(HISTORY, draw=StepDraw(0))
    assert states.shape == (33, 3, 8) and len(calls) == 32
    assert torch.allclose(states[-1], calls[-1], atol=1e-6)


@pytest.mark.parametrize(("position", "invariant"), [("none", True), ("rope", False), ("learned", False)])
def test_without_positions_and_noise_earlier_items_may_trade_places(position, invariant):
    net = model(lambda_noise="zero", position=position)
    shuffled = HISTORY[1:2, [2, 0, 3, 1, 4]]
    before, after = (net.user_vectors(h, draw=StepDraw(0)) for h in (HISTORY[1:2], shuffled))
    assert torch.allclose(before, after, atol=1e-5) == invariant


@pytest.mark.parametrize("key_mask", ["off", "on"])
def test_the_padding_vector_matters_where_keys_are_not_masked_and_histories_are_short(key_mask):
    net, vectors = model(key_mask=key_mask, lambda_noise="mean"), []
    for _ in range(2):
        vectors.append(net.user_vectors(HISTORY, draw=StepDraw(0)))
        net.items.weight.data[0] += torch.arange(8.0)  # a constant would be normalised away
    moved = (vectors[0] - vectors[1]).abs().amax(1) > 1e-4
    assert moved.tolist() == [key_mask == "off", False, key_mask == "off"]


def test_a_user_s_prediction_does_not_depend_on_who_shares_the_batch():
    net = model()
    together = net.user_vectors(HISTORY, draw=UserDraw(3, torch.tensor([4, 5, 6])))
    alone = net.user_vectors(HISTORY[1:2], draw=UserDraw(3, torch.tensor([5])))
    assert torch.allclose(together[1:2], alone, atol=1e-6)


def public_names(net: DiffuRec) -> dict[str, Tensor]:
    """A state_dict as the public code would save it, holding this model's weights."""
    root, d, saved = "diffu.xstart_model", net.config.width, {}
    plain = {"items": "item_embeddings", "positions": "position_embeddings", "norm_in": "LayerNorm",
             "norm_out": f"{root}.norm_diffu_rep", "time.inner": f"{root}.time_embed.0",
             "time.outer": f"{root}.time_embed.2", "unused.item": f"{root}.linear_item",
             "unused.state": f"{root}.linear_xt", "unused.time": f"{root}.linear_t",
             "unused.fuse": f"{root}.fuse_linear"}  # fmt: skip
    for number in range(net.config.blocks):
        block, ours = f"{root}.att.transformer_blocks.{number}", f"layers.{number}"
        plain |= {f"{ours}.attention.out": f"{block}.attention.w_layer",
                  f"{ours}.feed_forward.inner": f"{block}.feed_forward.w_1",
                  f"{ours}.feed_forward.outer": f"{block}.feed_forward.w_2",
                  f"{ours}.norm_attention": f"{block}.input_sublayer.norm",
                  f"{ours}.norm_forward": f"{block}.output_sublayer.norm"}  # fmt: skip
        for leaf, stacked in net.get_submodule(f"{ours}.attention.qkv").named_parameters():
            for i in range(3):
                saved[f"{block}.attention.linear_layers.{i}.{leaf}"] = stacked[i * d : (i + 1) * d]
    for ours, theirs in plain.items():
        saved |= {f"{theirs}.{leaf}": weight for leaf, weight in net.get_submodule(ours).named_parameters()}
    return {name: weight.detach().clone() for name, weight in saved.items()}


class Plain:
    """The public code's equations for one user, read from its own weights by its own names."""

    def __init__(self, saved: dict[str, Tensor]) -> None:
        self.saved = saved

    def linear(self, name: str, x: Tensor) -> Tensor:
        return self.saved[f"{name}.weight"] @ x + self.saved[f"{name}.bias"]

    def norm(self, name: str, x: Tensor) -> Tensor:
        centred = x - x.mean()
        return self.saved[f"{name}.weight"] * centred / centred.square().mean().sqrt() + self.saved[f"{name}.bias"]

    def network(self, history: list[int], x: Tensor, t: float, noise: Tensor, delta: float) -> Tensor:
        """f (d,) for noise ε (L, d): λ = δ (1 + ε)."""
        root, d = "diffu.xstart_model", len(x)
        wave = [10_000 ** (-k / (d // 2)) * t for k in range(d // 2)]
        sinusoid = torch.tensor([math.cos(w) for w in wave] + [math.sin(w) for w in wave])
        tau = self.linear(f"{root}.time_embed.2", F.silu(self.linear(f"{root}.time_embed.0", sinusoid)))
        items = self.saved["item_embeddings.weight"]
        lambdas = delta * (1 + noise)
        h = [self.norm("LayerNorm", items[i]) + lam * (x + tau) for i, lam in zip(history, lambdas, strict=True)]
        for number in range(2):
            h = self.block(f"{root}.att.transformer_blocks.{number}", h, history)
        return self.norm(f"{root}.norm_diffu_rep", h[-1])

    def block(self, name: str, h: list[Tensor], history: list[int]) -> list[Tensor]:
        normed = [self.norm(f"{name}.input_sublayer.norm", x) for x in h]
        q, k, v = ([self.linear(f"{name}.attention.linear_layers.{i}", x) for x in normed] for i in range(3))
        width, done = len(h[0]) // 4, []
        for slot, x in enumerate(h):
            heads = []
            for part in (slice(i * width, (i + 1) * width) for i in range(4)):
                score = torch.stack([q[slot][part] @ key[part] / math.sqrt(width) for key in k])
                weight = (score if history[slot] else torch.zeros_like(score)).softmax(0)  # padding: uniform
                heads.append(sum(w * value[part] for w, value in zip(weight, v, strict=True)))
            x = x + self.linear(f"{name}.attention.w_layer", torch.cat(heads))
            hidden = self.linear(f"{name}.feed_forward.w_1", self.norm(f"{name}.output_sublayer.norm", x))
            gelu = 0.5 * hidden * (1 + torch.tanh(math.sqrt(2 / math.pi) * (hidden + 0.044715 * hidden**3)))
            done.append(x + self.linear(f"{name}.feed_forward.w_2", gelu))
        return done


@pytest.fixture
def imported(tmp_path) -> tuple[DiffuRec, Plain]:
    saved = public_names(model())
    torch.save(saved, tmp_path / "diffurec.pt")
    return import_released(tmp_path / "diffurec.pt", "diffurec", delta=0.3), Plain(saved)


class Recorded:
    """A draw that keeps what it gave."""

    def __init__(self) -> None:
        self.given, self.source = [], StepDraw(0)

    def normal(self, *shape: int) -> Tensor:
        self.given.append(self.source.normal(*shape))
        return self.given[-1]


def test_imported_weights_sample_as_the_published_equations_say(imported):
    net, plain = imported
    draw = Recorded()
    predicted = net.trajectory(HISTORY, draw=draw)[-1]
    beta = [0.013125 + (0.635 - 0.013125) * t / 31 for t in range(32)]
    bar = [math.prod(1 - b for b in beta[: t + 1]) for t in range(32)]
    for row, history in enumerate(HISTORY.tolist()):
        given = iter(draw.given)
        x = next(given)[row]
        for t in reversed(range(32)):
            f = plain.network(history, x, t * 1000 / 32, next(given)[row], 0.3)
            before = bar[t - 1] if t else 1.0
            x = (math.sqrt(before) * beta[t] * f + math.sqrt(1 - beta[t]) * (1 - before) * x) / (1 - bar[t])
            if t:
                x = x + math.sqrt(beta[t]) * next(given)[row]
        assert torch.allclose(predicted[row], x, atol=1e-5)


def test_imported_weights_have_the_published_loss(imported):
    net, plain = imported
    target, t = torch.tensor([4, 6, 9]), torch.tensor([0, 13, 31])
    x_noise, noise = StepDraw(1).normal(3, 8), StepDraw(2).normal(3, 5, 8)
    bar = np.cumprod(1 - np.linspace(0.013125, 0.635, 32))
    table, terms = plain.saved["item_embeddings.weight"], []
    for row, history in enumerate(HISTORY.tolist()):
        left = float(bar[t[row]])
        x = math.sqrt(left) * table[target[row]] + math.sqrt(1 - left) * x_noise[row]
        logits = table @ plain.network(history, x, float(t[row]) * 1000 / 32, noise[row], 0.3)
        terms.append(logits.logsumexp(0) - logits[target[row]])
    loss = net.diffusion_losses(HISTORY, target, draw=StepDraw(0), t=t, x_noise=x_noise, noise=noise)
    assert torch.isclose(loss["target_ce"], torch.stack(terms).mean(), atol=1e-5)


def test_outputs_on_fixed_weights_belong_to_this_version():
    assert DiffuRec.version == 1, "the mathematics changed: take the new numbers too"
    assert fingerprint(model(), HISTORY) == pytest.approx([0.15713, -0.76024, -0.93517, 1.91542], abs=1e-4)
