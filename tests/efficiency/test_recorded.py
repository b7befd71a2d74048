"""Which models' steps may be recorded: those that launch the same kernels for every batch of a size.

Tried on a CPU by the operations that two batches dispatch. tests/efficiency/test_on_cuda.py records steps on a GPU.
"""

from typing import Any

import pytest
import torch
from small_models import PADDING_FREE, samples_of, small
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from fave_bench.models import registry
from fave_bench.models.contract import Recommender
from fave_bench.training.step import gradients

Operations = list[tuple[str, Any]]
RECORDABLE = {"fave", "fmrec", "diffurec"}


class Listing(TorchDispatchMode):
    """Keeps what is dispatched, with the shapes of tensors and the values of everything else."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: Operations = []

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: tuple[Any, ...] = (), options: dict[str, Any] | None = None
    ) -> Any:
        options = options or {}
        told = tree_map(lambda x: (x.shape, x.dtype) if isinstance(x, Tensor) else x, (arguments, options))
        generators_aside = tree_map(lambda x: None if isinstance(x, torch.Generator) else x, told)
        self.operations.append((str(function), generators_aside))
        return function(*arguments, **options)


def operations(model: Recommender, rows: Tensor, seed: int) -> Operations:
    """Those of a step over the samples `rows`."""
    samples = samples_of(model)
    model.zero_grad()
    batch = samples.batch(rows, seed)
    with Listing() as listing:
        gradients(model, batch)
    return listing.operations


@pytest.mark.parametrize(
    ("name", "stage"),
    [("fave", "pretrain"), ("fave", "finetune"), ("fmrec", "train"), ("diffurec", "train")],
)
def test_a_recordable_model_takes_the_same_step_whatever_the_batch(name: str, stage: str) -> None:
    model = small(name)
    model.enter_stage(stage)
    assert model.train().recordable
    short, others = operations(model, torch.arange(8), 1), operations(model, torch.arange(60, 68), 2)
    assert len(short) > 50 and short == others


@pytest.mark.parametrize("name", ["fave", "diffurec", "dreamrec"])
def test_on_a_gpu_one_that_needs_no_padding_takes_it_along_at_no_change(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a CPU would, were it one: the same operations for all batches, and the losses of a batch that is cut."""
    model = small(name, **PADDING_FREE, lambda_noise="mean").train()
    assert not model.recordable
    samples = samples_of(model)
    cut = gradients(model, samples.batch(torch.arange(8), 1))
    monkeypatch.setattr(type(model), "recordable", True)
    whole = gradients(model, samples.batch(torch.arange(8), 1))
    assert {term: value.item() for term, value in whole.items()} == pytest.approx(
        {term: value.item() for term, value in cut.items()}, rel=1e-4
    )
    assert operations(model, torch.arange(8), 1) == operations(model, torch.arange(60, 68), 2)


@pytest.mark.parametrize("name", ["fave", "sasrec"])
def test_one_that_is_cut_to_its_lengths_does_not(name: str) -> None:
    model = small(name, **PADDING_FREE)
    assert not model.train().recordable
    assert operations(model, torch.arange(8), 1) != operations(model, torch.arange(12, 20), 2)


def test_no_other_model_says_so() -> None:
    assert {name for name in registry.names() if small(name).recordable} == RECORDABLE
    assert not small("fave", rng="host").recordable
