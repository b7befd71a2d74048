"""A step in bf16 is the same step, rounded: every model can be trained so."""

from typing import Any

import pytest
import torch
from small_models import PADDING_FREE, TRAINED, samples_of, small

from fave_bench.training.step import gradients


@pytest.mark.parametrize("settings", [{}, PADDING_FREE], ids=["padded", "padding-free"])
@pytest.mark.parametrize(("name", "stage"), TRAINED)
def test_a_step_in_bf16_is_near_the_one_in_fp32(name: str, stage: str, settings: dict[str, Any]) -> None:
    model = small(name, **settings)
    model.enter_stage(stage)
    model.train()
    samples = samples_of(model)
    found = {}
    for precision in ("fp32", "bf16"):
        model.zero_grad(set_to_none=True)
        terms = gradients(model, samples.batch(torch.arange(16), seed=3), precision=precision)
        weights = [p for p in model.parameters() if p.grad is not None]
        assert weights and all(p.grad is not None and p.grad.dtype == p.dtype for p in weights)
        found[precision] = terms, torch.cat([p.grad.flatten() for p in weights if p.grad is not None])
    (exact, direction), (rounded, near) = found["fp32"], found["bf16"]
    for term, value in exact.items():
        assert rounded[term].item() == pytest.approx(value.item(), rel=0.05, abs=1e-3), term
    assert torch.cosine_similarity(direction, near, 0) > 0.97
