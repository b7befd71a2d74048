"""Imported weights against a second reading of the equations, straight from the released key names.

The reading below handles one user at a time, in float64, with loops over heads; it shares no code with the models.
"""

import math
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from flow_helpers import histories
from released_helpers import BLOCKS, HEADS, ROOT, D, L, State, V, random_state
from torch import Tensor

from fave_bench.errors import BenchError
from fave_bench.models import import_released
from fave_bench.randomness import StepDraw


class Plain:
    """One user's network, equation by equation."""

    def __init__(self, state: State, model: str) -> None:
        self.w = {name: value.double() for name, value in state.items()}
        self.root, self.fave = ROOT[model], model == "fave"

    def linear(self, name: str, x: Tensor) -> Tensor:
        return torch.einsum("oi,...i->...o", self.w[f"{name}.weight"], x) + self.w.get(f"{name}.bias", 0)

    def layer_norm(self, name: str, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        spread = (centred**2).mean(-1, keepdim=True)
        return self.w[f"{name}.weight"] * centred / (spread + 1e-12) ** 0.5 + self.w[f"{name}.bias"]

    def rms_norm(self, name: str, x: Tensor) -> Tensor:
        return self.w[f"{name}.weight"] * x / ((x**2).mean(-1, keepdim=True) + 1e-8) ** 0.5

    def time(self, name: str, time: float) -> Tensor:
        rates = [math.exp(-math.log(10_000) * k / (D // 2)) for k in range(D // 2)]
        wave = [math.cos(time * rate) for rate in rates] + [math.sin(time * rate) for rate in rates]
        inner = self.linear(f"{self.root}.{name}.0", torch.tensor(wave, dtype=torch.float64))
        return self.linear(f"{self.root}.{name}.2", inner / (1 + (-inner).exp()))

    def turned(self, x: Tensor, slot: int) -> Tensor:
        if not self.fave:
            return x
        half = len(x) // 2
        out = x.clone()
        for i in range(half):
            angle = slot * 10_000 ** (-2 * i / len(x))
            out[i] = x[i] * math.cos(angle) - x[half + i] * math.sin(angle)
            out[half + i] = x[half + i] * math.cos(angle) + x[i] * math.sin(angle)
        return out

    def attention(self, name: str, queries: Tensor, memory: Tensor, live: Tensor) -> Tensor:
        q, k, v = (self.linear(f"{name}.linear_layers.{i}", x) for i, x in enumerate((queries, memory, memory)))
        width, heads = D // HEADS, []
        for h in range(HEADS):
            part = slice(h * width, (h + 1) * width)
            turned_q, turned_k = (torch.stack([self.turned(x[i, part], i) for i in range(L)]) for x in (q, k))
            scores = torch.einsum("ic,jc->ij", turned_q, turned_k) / math.sqrt(width)
            weights = torch.where(live[:, None], scores.softmax(1), 1 / L)
            heads.append(torch.einsum("ij,jc->ic", weights, v[:, part]))
        return self.linear(f"{name}.w_layer", torch.cat(heads, 1))

    def feed_forward(self, name: str, x: Tensor) -> Tensor:
        inner = self.linear(f"{name}.w_1", x)
        inner = inner * 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (inner + 0.044715 * inner**3)))
        return self.linear(f"{name}.w_2", inner)

    def cross(self, block: str, x: Tensor, e_seq: Tensor) -> Tensor:
        everyone = torch.ones(L, dtype=torch.bool)
        other = self.attention(f"{block}.cross_attention", self.rms_norm(f"{block}.norm2", x), e_seq, everyone)
        squeezed = self.linear(f"{block}.se_relu", (x + other)[-1]).clamp_min(0)
        a, b = (self.linear(f"{block}.se_weight{i}", squeezed).exp() for i in (1, 2))
        return self.w[f"{block}.gamma"] * (x * a / (a + b) + other * b / (a + b) - x)

    def embed(self, history: Tensor) -> Tensor:
        return self.layer_norm("LayerNorm", self.w["item_embeddings.weight"][history])

    def network(
        self, history: Tensor, x: Tensor, t: float, r: float, lam: Tensor | float, cross: bool = False
    ) -> tuple[Tensor, Tensor]:
        """f and the decoder's output for one history (L,); times in the network's own unit."""
        e_seq, live = self.embed(history), history > 0
        if self.fave:
            tau = self.time("t_time_embed", t) + self.time("r_time_embed", r - t)
        else:
            tau = self.time("time_embed", t)
        h = e_seq + lam * (x.double() + tau)
        for i in range(BLOCKS):
            block = f"{self.root}.att.transformer_blocks.{i}"
            first, second = ("norm1", "norm3") if self.fave else ("input_sublayer.norm", "output_sublayer.norm")
            norm = self.rms_norm if self.fave else self.layer_norm
            normed = norm(f"{block}.{first}", h)
            h = h + self.attention(f"{block}.attention", normed, normed, live)
            if cross:
                h = h + self.cross(block, h, e_seq)
            h = h + self.feed_forward(f"{block}.feed_forward", norm(f"{block}.{second}", h))
            if i == BLOCKS - 1 - 2:
                tapped = h[-1]
        for layer in (0, 2, 4):
            tapped = self.linear(f"{self.root}.decoder.{layer}", tapped)
            tapped = tapped.tanh() if layer < 4 else tapped
        return self.layer_norm(f"{self.root}.norm_fm_rep", h[-1]), tapped

    def sample(self, history: Tensor, x0: Tensor, steps: int) -> Tensor:
        x = x0.double()
        for i in range(steps):
            f, _ = self.network(history, x, 999 * (i / steps * 0.999 + 0.001), 999.0, 0.0)
            x = x + (f - x0) / steps
        return x


def saved(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "weights.pt"
    torch.save(content, path)
    return path


HISTORY = histories(2, L, 5, window=L, items=V - 1)
STATE = torch.randn(3, D, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("model", ["fave", "fmrec"])
@pytest.mark.parametrize("noisy", [False, True])
def test_network_and_decoder_are_the_equations(tmp_path: Path, model: str, noisy: bool) -> None:
    state = random_state(model)
    ours: Any = import_released(saved(tmp_path, state), model, lambda_noise="noise" if noisy else "zero")
    t, r = torch.tensor([0.1, 0.5, 0.9]), torch.tensor([1.0, 0.6, 0.95])
    noise = torch.randn(3, L, D) if noisy else None
    times = (t, r) if model == "fave" else (t,)
    f, h2 = ours.network(ours.embed(HISTORY), STATE, *times, mask=ours.mask(HISTORY), noise=noise)
    decoded = ours.decoder(h2)
    plain = Plain(state, model)
    for u in range(3):
        lam = 1e-3 + 1e-3 * noise[u].double() if noise is not None else 0.0
        expected, expected_decoded = plain.network(HISTORY[u], STATE[u], 999 * t[u].item(), 999 * r[u].item(), lam)
        assert (f[u] - expected).abs().max() < 1e-5
        assert (decoded[u] - expected_decoded).abs().max() < 1e-5


def test_cross_attention_switched_on_is_the_public_module_s(tmp_path: Path) -> None:
    state = random_state("fave")
    ours: Any = import_released(saved(tmp_path, state), cross_attention="on", lambda_noise="zero")
    f, _ = ours.network(ours.embed(HISTORY), STATE, torch.ones(3), torch.ones(3), mask=ours.mask(HISTORY))
    for u in range(3):
        expected, _ = Plain(state, "fave").network(HISTORY[u], STATE[u], 999.0, 999.0, 0.0, cross=True)
        assert (f[u] - expected).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("model", "stage", "steps"), [("fave", "finetune", 1), ("fave", "pretrain", 30), ("fmrec", None, 30)]
)
def test_the_sampler_is_the_released_one(tmp_path: Path, model: str, stage: str | None, steps: int) -> None:
    state = random_state(model)
    ours: Any = import_released(saved(tmp_path, state), model, stage=stage, lambda_noise="zero")
    path = ours.trajectory(HISTORY, x0=STATE, draw=StepDraw(0))
    assert len(path) == steps + 1
    for u in range(3):
        assert (path[-1, u] - Plain(state, model).sample(HISTORY[u], STATE[u], steps)).abs().max() < 1e-5


def test_sizes_come_from_the_tensors_and_a_shipped_fave_file_is_stage_two(tmp_path: Path) -> None:
    model: Any = import_released(saved(tmp_path, random_state("fave")), rho_infer=0.2)
    config = model.config
    assert (config.width, config.window, config.blocks, config.decoder, model.num_items) == (
        D,
        L,
        BLOCKS,
        (20, 30),
        V - 1,
    )
    assert config.rho_infer == 0.2 and model.stage == "finetune" and not model.training


@pytest.mark.parametrize("wrapper", ["state_dict", "model_state_dict", "model"])
def test_wrapped_and_parallel_state_dicts_are_the_same_model(tmp_path: Path, wrapper: str) -> None:
    state = random_state("fmrec")
    bare = import_released(saved(tmp_path, state), "fmrec").state_dict()
    parallel = {f"module.{name}": value for name, value in state.items()}
    wrapped = import_released(saved(tmp_path, {wrapper: parallel, "epoch": 3}), "fmrec").state_dict()
    assert all(torch.equal(bare[name], wrapped[name]) for name in bare)


KEY_PROJECTION = "fave.xstart_model.att.transformer_blocks.0.attention.linear_layers.1.weight"


def without(name: str) -> State:
    state = random_state("fave")
    del state[name]
    return state


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (without("item_embeddings.weight"), "item_embeddings"),
        (without("fave.xstart_model.att.transformer_blocks.1.gamma"), r"blocks\.1\.gamma' is missing"),
        (without("LayerNorm.bias"), "'LayerNorm.bias' is missing"),
        (random_state("fave") | {"LayerNorm.weight": torch.ones(D + 1)}, "shape"),
        (random_state("fave") | {KEY_PROJECTION: torch.ones(4, 4)}, r"linear_layers\.1\.weight' has shape \(4, 4\)"),
        (random_state("fave") | {KEY_PROJECTION: torch.ones(4)}, r"linear_layers\.1\.weight' has shape \(4,\)"),
        (random_state("fave") | {"surprise": torch.ones(1)}, "'surprise' is unexpected"),
        (random_state("fave") | {"LayerNorm.bias": torch.full((D,), math.nan)}, "finite"),
        (random_state("fave") | {"LayerNorm.bias": "words"}, "not a tensor"),
        (random_state("fmrec"), "not a FAVE state_dict"),
        ({}, "no state_dict"),
        ([1, 2], "no state_dict"),
    ],
    ids=[
        *("no items", "no gamma", "no bias", "shape", "one of three", "flat"),
        *("unexpected", "nan", "no tensor", "other model", "empty", "list"),
    ],
)
def test_what_is_not_such_a_state_dict_is_one_clear_sentence(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(BenchError, match=message) as raised:
        import_released(saved(tmp_path, content))
    assert "\n" not in str(raised.value)


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (Path("run-by-the-unpickler"), "harm"))


@pytest.mark.parametrize("kind", ["pickle", "torch", "text", "lfs", "truncated", "folder", "absent"])
def test_files_that_are_no_tensors_are_refused_and_nothing_in_them_runs(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.pt"
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Hostile()))
    elif kind == "torch":
        torch.save({"item_embeddings.weight": Hostile()}, path)
    elif kind == "text":
        path.write_text("not weights")
    elif kind == "lfs":
        path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    elif kind == "truncated":
        torch.save(random_state("fave"), path)
        path.write_bytes(path.read_bytes()[:3000])
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(BenchError, match="LFS" if kind == "lfs" else "weights.pt") as raised:
        import_released(path)
    assert "\n" not in str(raised.value)
    assert not Path("run-by-the-unpickler").exists()


def test_unknown_models_fields_and_values_are_named(tmp_path: Path) -> None:
    path = saved(tmp_path, random_state("fave"))
    with pytest.raises(BenchError, match="sasrec"):
        import_released(path, "sasrec")
    with pytest.raises(BenchError, match="colour"):
        import_released(path, colour="red")
    with pytest.raises(BenchError, match="lambda_noise"):
        import_released(path, lambda_noise="loud")
