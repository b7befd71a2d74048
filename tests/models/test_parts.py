"""Going through a batch in parts changes nothing: losses and gradients are those of the whole padded batch."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.models import parts, registry
from fave_bench.models.contract import Recommender
from fave_bench.models.parts import spans, split
from fave_bench.training.samples import Samples

WINDOW = 12
PAPER = {"key_mask": "on", "lambda_noise": "mean", "drop_path": 0.0}
FLOW = {"width": 16, "heads": 2, "decoder": (8, 8), "dropout": 0.0, "emb_dropout": 0.0}
PADDING_FREE: dict[str, dict[str, Any]] = {
    "bert4rec": {"d": 16, "dropout": 0.0, "attention_dropout": 0.0, "mask_ratio": 0.5, "last_only": 0.3},
    "diffurec": {"width": 16, "heads": 2, "dropout": 0.0, "emb_dropout": 0.0, "key_mask": "on", "lambda_noise": "mean"},
    "dreamrec": {"d": 16, "timesteps": 20, "steps": 20, "dropout": 0.0},
    "fave": FLOW | PAPER | {"anchor": "valid", "r_scale": "consistent", "s2_param": "endpoint", "ce_input": "f"},
    "fmrec": FLOW | {"key_mask": "on", "lambda_noise": "mean"},
    "gru4rec": {"d": 16, "hidden": 16, "dropout": 0.0},
    "sasrec": {"d": 16, "dropout": 0.0, "loss": "ce"},
    "stosa": {"d": 16, "heads": 2, "dropout": 0.0},
}


def world() -> Sequences:
    """Thirty users of 4 to 20 of 40 items."""
    random = np.random.default_rng(0)
    rows = [random.permutation(40)[: random.integers(4, 21)] + 1 for _ in range(30)]
    return Sequences("toy", np.cumsum([0, *map(len, rows)]), np.concatenate(rows).astype(np.int32))


def model(name: str, **config: Any) -> Recommender:
    torch.manual_seed(0)
    kind, sequences = registry.load(name), world()
    net = kind(kind.Config(window=WINDOW, **config), sequences.num_items)
    net.fit(sequences, leave_one_out(sequences))
    return net.train()


def gradients(net: Recommender) -> dict[str, Tensor]:
    """Loss terms of one batch of all samples, sorted by length, and the gradient of every parameter."""
    sequences = world()
    samples = Samples(sequences, leave_one_out(sequences), net.samples, WINDOW, torch.device("cpu"), sort=True)
    terms = net.losses(samples.batch(torch.arange(len(samples)), seed=1))
    names, weights = zip(*((n, w) for n, w in net.named_parameters() if w.requires_grad), strict=True)
    found = torch.autograd.grad(torch.stack(list(terms.values())).sum(), weights, allow_unused=True)
    return {name: term.detach() for name, term in terms.items()} | {
        name: grad for name, grad in zip(names, found, strict=True) if grad is not None
    }


RELEASED_ANCHOR = {"anchor": "left_index_bug"}  # often a slot of padding
STAGES: list[tuple[str, str, dict[str, Any]]] = [
    *((name, "train", {}) for name in PADDING_FREE if name != "fave"),
    ("fave", "pretrain", {}), ("fave", "finetune", {}), ("fave", "finetune", RELEASED_ANCHOR),
    ("fave", "finetune", RELEASED_ANCHOR | {"position": "learned"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "stage", "change"), STAGES)
def test_without_padding_losses_and_gradients_are_those_of_the_padded_batch(name, stage, change, monkeypatch):
    net = model(name, **PADDING_FREE[name] | change)
    net.enter_stage(stage)
    assert net.padding_free
    monkeypatch.setattr(parts, "CACHED", 50)  # several parts of one width, too
    monkeypatch.setattr(parts, "WORTH", {"cpu": 5})
    lean = gradients(net)
    with monkeypatch.context() as padded:
        padded.setattr(parts, "WORTH", {"cpu": 10**9})  # one width for all, that of the window
        padded.setattr(parts, "CACHED", 10**9)
        whole = gradients(net)
    assert lean.keys() == whole.keys()
    for key, value in whole.items():
        assert torch.allclose(lean[key], value, rtol=1e-4, atol=1e-5 * float(value.abs().max() + 1e-3)), key


@pytest.mark.parametrize(("name", "stage"), [("fave", "pretrain"), ("fave", "finetune"), ("fmrec", "train")])
def test_cached_parts_of_the_released_models_change_nothing(name, stage, monkeypatch):
    """Noise included: it is drawn part by part, in the order of the rows."""
    net = model(name, **(FLOW | ({"drop_path": 0.0} if name == "fave" else {})))
    net.enter_stage(stage)
    found = []
    for cached in (10**9, 4 * WINDOW):
        monkeypatch.setattr(parts, "CACHED", cached)
        found.append(gradients(net))
    for key, value in found[0].items():
        assert torch.allclose(found[1][key], value, rtol=1e-4, atol=1e-5 * float(value.abs().max() + 1e-3)), key


@given(st.lists(st.integers(0, 50), min_size=1, max_size=200), st.integers(1, 2000), st.integers(0, 300))
def test_spans_cover_every_row_once_and_stay_within_bounds(sizes, cached, worth):
    found = spans(np.array(sizes), cached, worth)
    assert [first for first, _, _ in found] == [0, *(stop for _, stop, _ in found[:-1])] and found[-1][1] == len(sizes)
    for first, stop, width in found:
        assert width > 0 and max(sizes[first:stop]) <= width
        assert (stop - first) * width <= max(cached, width)
        assert sum(width - size for size in sizes[first:stop]) <= worth or stop == first + 1


def test_sorted_rows_waste_little():
    sizes = np.sort(np.random.default_rng(0).geometric(1 / 8, 512).clip(1, 50))[::-1]
    found = spans(sizes, 10**9, 256)
    assert sum((stop - first) * width for first, stop, width in found) < 1.4 * sizes.sum() and len(found) < 10


@given(st.lists(st.integers(1, 12), min_size=1, max_size=20), st.integers(4, 60))
def test_slots_are_found_again_in_their_parts(sizes, cached):
    history = torch.arange(1, len(sizes) * WINDOW + 1).view(-1, WINDOW)
    history = history * (torch.arange(WINDOW) >= WINDOW - torch.tensor(sizes)[:, None])
    slots = history.flatten().nonzero().squeeze(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "CACHED", cached)
        found = split(history, padding_free=True, slots=slots)
    items = [part.history.flatten()[part.slots] for part in found]
    assert torch.equal(torch.cat(items), history.flatten()[slots])
    assert all(part.most == len(part.slots) for part in found)
