"""What the authors' public code of FAVE and FMRec saves, with random numbers in it."""

import math

import torch
from torch import Tensor

V, D, L, BLOCKS, HEADS = 23, 16, 9, 3, 4
State = dict[str, Tensor]
ROOT = {"fave": "fave.xstart_model", "fmrec": "fm.xstart_model"}


def random_state(model: str, vocabulary: int = V) -> State:
    """A state_dict with the public code's names and shapes, and every number random."""
    generator = torch.Generator().manual_seed(3)
    state: State = {}

    def put(name: str, *shape: int, centre: float = 0.0, scale: float | None = None) -> None:
        noise = torch.randn(*shape, generator=generator) * (scale or 1 / math.sqrt(shape[-1]))
        state[name] = noise + centre

    def linear(name: str, rows: int, columns: int, bias: bool = True) -> None:
        put(f"{name}.weight", rows, columns)
        if bias:
            put(f"{name}.bias", rows, scale=0.1)

    def norm(name: str, bias: bool) -> None:
        put(f"{name}.weight", D, centre=1.0, scale=0.2)
        if bias:
            put(f"{name}.bias", D, scale=0.2)

    def attention(name: str) -> None:
        for part in (*(f"linear_layers.{i}" for i in range(3)), "w_layer"):
            linear(f"{name}.{part}", D, D)
        if model == "fave":
            state[f"{name}.rope.inv_freq"] = 1 / 10_000 ** (torch.arange(0, D // HEADS, 2) / (D // HEADS))

    root, fave = ROOT[model], model == "fave"
    put("item_embeddings.weight", vocabulary, D, scale=1.0)
    put("position_embeddings.weight", L, D, scale=1.0)
    norm("LayerNorm", bias=True)
    for name in ("linear_item", "linear_xt", "linear_t"):
        linear(f"{root}.{name}", D, D)
    for name in ("t_time_embed", "r_time_embed") if fave else ("time_embed",):
        linear(f"{root}.{name}.0", 4 * D, D)
        linear(f"{root}.{name}.2", D, 4 * D)
    linear(f"{root}.fuse_linear", D, 3 * D)
    for i in range(BLOCKS):
        block = f"{root}.att.transformer_blocks.{i}"
        attention(f"{block}.attention")
        linear(f"{block}.feed_forward.w_1", 4 * D, D)
        linear(f"{block}.feed_forward.w_2", D, 4 * D)
        if fave:
            attention(f"{block}.cross_attention")
            put(f"{block}.gamma", D)
            for name in ("norm1", "norm2", "norm3"):
                norm(f"{block}.{name}", bias=False)
            linear(f"{block}.se_relu", 8, D, bias=False)
            linear(f"{block}.se_weight1", D, 8, bias=False)
            linear(f"{block}.se_weight2", D, 8, bias=False)
        else:
            norm(f"{block}.input_sublayer.norm", bias=True)
            norm(f"{block}.output_sublayer.norm", bias=True)
    norm(f"{root}.norm_fm_rep", bias=True)
    for layer, (columns, rows) in zip((0, 2, 4), ((D, 20), (20, 30), (30, vocabulary)), strict=True):
        linear(f"{root}.decoder.{layer}", rows, columns)
    return state
