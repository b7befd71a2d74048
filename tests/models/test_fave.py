"""Laws of FAVE, its two stages and its switches."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from flow_helpers import ITEMS, WIDTH, WINDOW, Given, histories, small, step_draw, targets, with_fixed_weights
from pydantic import ValidationError
from torch import Tensor

from fave_bench.errors import UsageError
from fave_bench.models import fave
from fave_bench.models.contract import Batch, parameter_count
from fave_bench.models.fave import Fave, FaveConfig
from fave_bench.models.flow import directional_derivative, point
from fave_bench.randomness import UserDraw

PAPER: dict[str, Any] = {
    "s2_param": "endpoint", "anchor": "valid", "r_scale": "consistent", "ce_input": "f", "source_loss": "full_norm",
    "jvp_tangent": "model", "key_mask": "on",
}  # fmt: skip


def batch(*lengths: int) -> Batch:
    return Batch(torch.arange(len(lengths)), histories(*lengths), targets(len(lengths)), step_draw())


def finetuned(**config: Any) -> Fave:
    model: Fave = small(Fave, **config)
    model.enter_stage("finetune")
    return model


def test_parameter_totals_are_the_public_code_s() -> None:
    model = Fave(FaveConfig(), 1682)
    assert parameter_count(model) == 6_256_147 == 2177 * 1683 + 2_592_256


def test_what_the_release_never_runs_gets_no_gradient() -> None:
    model = Fave(FaveConfig(), 1682).train()
    history = histories(3, 50, window=50, items=1682)
    step = Batch(torch.arange(2), history, targets(2, 1682), step_draw())
    for stage, expected in (("pretrain", 419_584), ("finetune", 419_584 + 1683 * 128)):
        model.enter_stage(stage)
        model.zero_grad(set_to_none=True)
        sum(model.losses(step).values()).backward()  # type: ignore[union-attr]
        assert sum(p.numel() for p in model.parameters() if p.grad is None) == expected


@pytest.mark.parametrize(("stage", "frozen"), [("pretrain", set()), ("finetune", {"items"})])
def test_cross_attention_switched_on_trains_everything_but_the_unused_layers(stage: str, frozen: set[str]) -> None:
    model = small(Fave, cross_attention="on").train()
    model.enter_stage(stage)
    sum(model.losses(batch(3, 12)).values()).backward()
    without = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is None}
    assert without == {"unused", "positions"} | frozen


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
@pytest.mark.parametrize("cross_attention", ["off", "on"])
@pytest.mark.parametrize("key_mask", ["off", "on"])
def test_only_the_last_query_is_computed_and_it_is_the_full_computation_s(
    stage: str, cross_attention: str, key_mask: str
) -> None:
    model = small(Fave, cross_attention=cross_attention, key_mask=key_mask)
    history = histories(1, 5, 12)
    e_seq, mask = model.embed(history), model.mask(history)
    h = e_seq
    for layer in model.layers:
        h = layer(h, e_seq, mask, last=False)
    f, _ = model.encode(e_seq, torch.zeros(3, WIDTH), mask, torch.zeros(3, WINDOW, WIDTH))
    assert torch.allclose(f, model.norm_out(h)[:, -1], atol=1e-5)


def test_thirty_euler_steps_are_the_mean_of_thirty_predictions() -> None:
    model = small(Fave, lambda_noise="mean")
    predictions: list[Tensor] = []
    encode = model.encode
    model.encode = lambda *args: predictions.append(encode(*args)[0]) or (predictions[-1], None)
    path = model.trajectory(histories(3, 12), x0=torch.randn(2, WIDTH), draw=step_draw())
    assert path.shape == (31, 2, WIDTH)
    assert torch.allclose(path[-1], torch.stack(predictions).mean(0), atol=1e-5)


def test_after_stage_two_the_released_output_forgets_its_start() -> None:
    model = finetuned(lambda_noise="zero")
    history = histories(3, 12)
    for scale in (0.0, 1.0, 10.0):
        path = model.trajectory(history, x0=scale * torch.ones(2, WIDTH), draw=step_draw())
        assert path.shape == (2, 2, WIDTH)
        f, _ = model.network(
            model.embed(history), path[0], torch.full((2,), 1e-3), torch.ones(2), mask=model.mask(history)
        )
        assert torch.allclose(path[-1], f, atol=1e-5)


def test_velocity_add_x0_adds_the_start() -> None:
    history, x0 = histories(3, 12), torch.randn(2, WIDTH)
    raw, added = (finetuned(s2_param=s2, lambda_noise="zero") for s2 in ("velocity_infer_raw", "velocity_add_x0"))
    ends = [model.trajectory(history, x0=x0, draw=step_draw())[-1] for model in (raw, added)]
    assert torch.allclose(ends[1], ends[0] + x0, atol=1e-5)


@pytest.mark.parametrize("rho", [0.0, 0.25, 0.75, 1.0])
def test_the_anchor_prior_keeps_a_share_of_one_slot_s_numbers(rho: float) -> None:
    history = histories(*[12] * 400)
    model = finetuned(anchor="valid", rho_train=0.5, rho_infer=rho)
    e_seq = model.embed(history)
    start = model.prior(e_seq, history, step_draw())
    assert (start != 0).float().mean().item() == pytest.approx(rho, abs=0.02)
    assert ((start[:, None] == e_seq) | (start == 0)[:, None]).all(-1).any(1).all()


def test_fave_knows_order_and_the_last_slot_stays_last() -> None:
    history = histories(12)
    shuffled = torch.cat((history[:, :-1].flip(1), history[:, -1:]), 1)

    def output(position: str) -> list[Tensor]:
        model = small(Fave, position=position, lambda_noise="zero")
        return [model.user_vectors(h, draw=step_draw()) for h in (history, shuffled)]

    for position in ("rope", "learned"):
        a, b = output(position)
        assert (a - b).abs().max() > 1e-3
    a, b = output("none")
    assert torch.allclose(a, b, atol=1e-5)


def test_padding_speaks_only_where_there_is_some_and_the_keys_are_open() -> None:
    history = histories(3, WINDOW - 1, WINDOW)

    def change(key_mask: str) -> Tensor:
        model = small(Fave, key_mask=key_mask, lambda_noise="mean")
        before = model.user_vectors(history, draw=step_draw())
        with torch.no_grad():
            model.items.weight[0] += torch.randn(WIDTH)
        return (model.user_vectors(history, draw=step_draw()) - before).abs().amax(1)

    released = change("off")
    assert (released[:2] > 1e-3).all() and released[2] < 1e-6
    assert (change("on") < 1e-6).all()


def test_stage_two_freezes_the_item_table_and_switches_the_rates() -> None:
    model = small(Fave, dropout=0.1, emb_dropout=0.3, finetune_dropout=0.2, finetune_emb_dropout=0.0)
    model.enter_stage("finetune")
    assert not model.items.weight.requires_grad and not model.positions.weight.requires_grad
    assert model.norm_in.weight.requires_grad
    assert (model.dropout.rate, model.layers[0].feed_forward.dropout.rate, model.emb_dropout.rate) == (0.2, 0.2, 0.0)
    model.enter_stage("pretrain")
    assert model.items.weight.requires_grad and (model.dropout.rate, model.emb_dropout.rate) == (0.1, 0.3)
    with pytest.raises(UsageError, match="pretrain"):
        model.enter_stage("train")


def test_the_terms_of_both_stages_and_their_ablations() -> None:
    step = batch(3, 12)
    assert set(small(Fave).losses(step)) == {"match", "target_ce", "source"}
    assert set(finetuned().losses(step)) == {"match", "target_ce", "source", "straight"}
    assert set(finetuned(match="off").losses(step)) == {"target_ce", "source", "straight"}
    assert set(finetuned(gamma=0.0).losses(step)) == {"match", "target_ce", "source"}


@pytest.mark.parametrize("settings", [{}, PAPER], ids=["released", "paper"])
def test_leaving_the_derivative_out_leaves_the_other_terms_alone(settings: dict[str, Any]) -> None:
    terms = [finetuned(gamma=gamma, **settings).losses(batch(3, 12, 5)) for gamma in (0.0, 0.7)]
    for name, value in terms[0].items():
        assert torch.allclose(value, terms[1][name], rtol=1e-5)


def test_weights_are_linear_and_stage_two_may_have_its_own() -> None:
    plain, heavy = finetuned(alpha=0.2, beta=0.4), finetuned(finetune_alpha=0.6, finetune_beta=1.2, gamma=0.2)
    a, b = plain.losses(batch(3, 12)), heavy.losses(batch(3, 12))
    assert torch.allclose(3 * a["target_ce"], b["target_ce"]) and torch.allclose(3 * a["source"], b["source"])
    assert torch.allclose(2 * a["straight"], b["straight"])


def injected(count: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(7)
    t = torch.rand(count, generator=generator)
    return {
        "x0": torch.randn(count, WIDTH, generator=generator),
        "t": t,
        "r": t + (1 - t) * torch.rand(count, generator=generator),
        "noise": torch.randn(count, WINDOW, WIDTH, generator=generator),
    }


@pytest.mark.parametrize("settings", [{}, PAPER], ids=["released", "paper"])
def test_stage_two_terms_are_their_equations(settings: dict[str, Any]) -> None:
    model = finetuned(alpha=1.0, beta=1.0, gamma=1.0, delta=0.5, source_loss="full_norm", **{
        k: v for k, v in settings.items() if k != "source_loss"
    }).double()  # fmt: skip
    history, target, given = histories(3, 12, 7), targets(3), {k: v.double() for k, v in injected(3).items()}
    x0, t, r, noise = given.values()
    terms = model.finetune_losses(history, target, draw=step_draw(), **given)
    e_seq, x1 = model.embed(history), model.items(target)
    x_t, v = point(x0, x1, t), x1 - x0

    def network(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        return model.network(e_seq, x, t, r, mask=model.mask(history), noise=noise)

    f, h2 = network(x_t, t)
    goal, x_hat = (x1, f) if settings else (v, x_t + (1 - t)[:, None] * f)
    direction, h = f - x0 if settings else v, 1e-6
    slope = (network(x_t + h * direction, t + h)[0] - network(x_t - h * direction, t - h)[0]) / (2 * h)
    table = model.items.weight
    hot = torch.zeros(3, ITEMS + 1).double()
    for row, items in enumerate(history):
        hot[row, items[items > 0]] = 1
    expected = {
        "match": ((f - goal) ** 2).mean(),
        "target_ce": -(x_hat @ table.T).log_softmax(1)[range(3), target].mean(),
        "source": ((model.decoder(h2) - hot) ** 2).sum() / 3,
        "straight": (slope**2).mean(),
    }
    for name, value in expected.items():
        assert torch.allclose(terms[name], value, rtol=1e-5), name


def by_torch(
    network: Callable[..., tuple[Tensor, Tensor]], at: tuple[Tensor, ...], along: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor, Tensor]:
    """The directional derivative by torch's forward mode, which differentiates wrongly through its own layer norm."""

    def layer_norm(x: Tensor, _: object, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt() * weight + bias

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.functional, "layer_norm", layer_norm)
        f, derivative, other = torch.func.jvp(network, at, along, has_aux=True)
    return f, derivative, other


VARIED: list[dict[str, object]] = [
    {"key_mask": "off"}, {"key_mask": "on"}, {"cross_attention": "on"}, {"position": "learned"},
    {"s2_param": "endpoint", "jvp_tangent": "model"},
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own forward mode uses it
@pytest.mark.parametrize("switches", VARIED, ids=str)
def test_gradients_of_stage_two_are_those_of_torch_s_forward_mode(
    switches: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = finetuned(alpha=1.0, gamma=50.0, delta=0.5, source_loss="full_norm", **switches).double()
    given = {name: value.double() for name, value in injected(3).items()}
    weights = {name: p for name, p in model.named_parameters() if p.requires_grad}
    found = []
    for rule in (directional_derivative, by_torch):
        monkeypatch.setattr(fave, "directional_derivative", rule)
        terms = model.finetune_losses(histories(3, 12, 7), targets(3), draw=step_draw(), **given)
        gradients = torch.autograd.grad(
            torch.stack(list(terms.values())).sum(), list(weights.values()), allow_unused=True
        )
        found.append(dict(zip(weights, gradients, strict=True)))
    for name in weights:
        a, b = (gradients[name] for gradients in found)
        assert (a is None) == (b is None) and (a is None or torch.allclose(a, b, rtol=1e-7, atol=1e-10)), name


def test_stage_one_s_r_is_one_in_the_network_s_unit_as_released_or_999_when_consistent() -> None:
    history, target = histories(3, 12), targets(2)
    x0, t, _, noise = injected(2).values()
    for r_scale, expected in (("bug", 1.0), ("consistent", 999.0)):
        model = small(Fave, r_scale=r_scale)
        seen: list[Tensor] = []
        model.time_r.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0]))
        model.pretrain_losses(history, target, draw=step_draw(), x0=x0, t=t, noise=noise)
        assert torch.allclose(seen[0], expected - 999 * t, atol=1e-4)


def test_the_released_source_loss_of_stage_two_decodes_the_prediction_and_of_stage_one_the_tap() -> None:
    decoded: list[Tensor] = []
    model = small(Fave)
    model.source_error = lambda state, *_, **__: decoded.append(state) or state.sum()
    history, target, given = histories(3, 12), targets(2), injected(2)
    model.enter_stage("finetune")
    model.finetune_losses(history, target, draw=step_draw(), **given)
    f, _ = model.network(
        model.embed(history), x_t := point(given["x0"], model.items(target), given["t"]), given["t"], given["r"],
        mask=model.mask(history), noise=given["noise"],
    )  # fmt: skip
    assert torch.allclose(decoded[0], x_t + (1 - given["t"])[:, None] * f, atol=1e-5)


def test_sizes_that_do_not_fit_are_refused() -> None:
    for sizes in ({"width": 30}, {"blocks": 3, "tap": 4}, {"colour": 1}):
        with pytest.raises(ValidationError):
            FaveConfig(**sizes)


def test_r_is_one_with_probability_p_end_and_otherwise_beyond_t() -> None:
    model = finetuned(p_end=0.3)
    t = torch.rand(5000)
    r = model._second_time(t, step_draw())
    assert (r == 1).float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert (r >= t).all() and (r <= 1).all()


def test_without_the_prior_stage_two_starts_from_noise() -> None:
    x0 = torch.randn(2, WIDTH)
    model = finetuned(prior="gaussian", lambda_noise="zero")
    assert torch.equal(model.trajectory(histories(3, 12), draw=Given(x0))[0], x0)


@pytest.mark.parametrize("settings", [{}, PAPER], ids=["released", "paper"])
@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_a_user_s_list_does_not_depend_on_who_shares_the_batch(settings: dict[str, Any], stage: str) -> None:
    model = small(Fave, **settings)
    model.enter_stage(stage)
    history, users = histories(3, 12, 7, 1), torch.tensor([5, 0, 3, 9])
    together = model.scores(history, draw=UserDraw(1, users))
    for row in range(4):
        alone = model.scores(history[[row]], draw=UserDraw(1, users[[row]]))
        assert torch.allclose(together[row], alone[0], atol=1e-4)


def test_running_the_decoder_at_test_changes_time_and_nothing_else() -> None:
    history, x0 = histories(3, 12), torch.randn(2, WIDTH)
    lean, full = (finetuned(skip_decoder_at_test=skip, lambda_noise="mean") for skip in ("yes", "no"))
    calls: list[int] = []
    full.decoder.register_forward_hook(lambda *_: calls.append(1))
    assert torch.equal(*(model.trajectory(history, x0=x0, draw=step_draw()) for model in (lean, full)))
    assert len(calls) == 1


@pytest.mark.parametrize("settings", [{}, PAPER], ids=["released", "paper"])
@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_training_works_under_bf16(settings: dict[str, Any], stage: str) -> None:
    model = small(Fave, dropout=0.1, emb_dropout=0.3, **settings).train()
    model.enter_stage(stage)
    with torch.autocast("cpu", torch.bfloat16):
        total = torch.stack(list(model.losses(batch(3, 12, 5)).values())).sum()
    total.backward()
    assert total.isfinite() and all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


FINGERPRINTS: dict[int, dict[str, list[float]]] = {
    1: {
        "pretrain state": [0.27333, 1.49364, 2.16754, 0.60925, 0.71341, 0.33653],
        "pretrain losses": [2.54489, 2.1329, 0.07092],
        "finetune state": [0.28183, 1.47716, 2.16152, 0.57074, 0.777, 0.48891],
        "finetune losses": [3.7723, 0.96842, 0.07008, 1.58129],
    }
}
"""Version -> numbers on fixed weights. Changed mathematics: raise `Fave.version` and add its numbers."""


def test_the_version_names_the_mathematics() -> None:
    history, target, given = histories(3, 12), targets(2), injected(2)
    found: dict[str, list[float]] = {}
    for stage in ("pretrain", "finetune"):
        model = with_fixed_weights(small(Fave, lambda_noise="mean", delta=0.1))
        model.enter_stage(stage)
        path = model.trajectory(history, x0=given["x0"], draw=step_draw())
        found[f"{stage} state"] = path[-1, :, :3].flatten().tolist()
        arguments = given if stage == "finetune" else {k: v for k, v in given.items() if k != "r"}
        half = Given(torch.full((2, WINDOW, 2), 0.5))
        losses = getattr(model, f"{stage}_losses")(history, target, draw=half, **arguments)
        found[f"{stage} losses"] = [value.item() for value in losses.values()]
    assert Fave.version in FINGERPRINTS, f"no fingerprint of version {Fave.version}; it is {found}"
    for name, numbers in FINGERPRINTS[Fave.version].items():
        assert found[name] == pytest.approx(numbers, abs=2e-4), name
