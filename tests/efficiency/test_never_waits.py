"""Nothing in a training step or in ranking waits for the device.

Tried on a CPU, under a mode that refuses every operation whose result the host has to see before it can go on: a number
read back, or a tensor whose shape depends on data.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from small_models import PADDING_FREE, SEQUENCES, SPLIT, TRAINED, samples_of, small
from torch.utils._python_dispatch import TorchDispatchMode

from fave_bench.evaluation.ranks import rank_phase
from fave_bench.models import registry
from fave_bench.training.config import Stage, Training
from fave_bench.training.optimizer import make_optimizer
from fave_bench.training.step import train_step

ATEN = torch.ops.aten
WAITING = {
    ATEN._local_scalar_dense.default, ATEN.is_nonzero.default, ATEN.equal.default, ATEN.nonzero.default,
    ATEN.masked_select.default, ATEN._unique.default, ATEN._unique2.default, ATEN.unique_dim.default,
    ATEN.unique_consecutive.default,
    # whole, where no gradient is wanted: the parts of them that wait are then not seen
    ATEN.item.default, ATEN.argwhere.default, ATEN.where.default,
}  # fmt: skip
REPEATING = {ATEN.repeat_interleave.Tensor, ATEN.repeat_interleave.self_Tensor}
INDEXING = {ATEN.index.Tensor, ATEN.index_put.default, ATEN.index_put_.default}
ITEMS = torch.as_tensor(SEQUENCES.items)
STAGES = [each for each in TRAINED if each[0] != "gru4rec"]  # on a CPU it packs histories, on a GPU it does not


class NeverWaiting(TorchDispatchMode):
    """Raises AssertionError where the device would be waited for."""

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: tuple[Any, ...] = (), options: dict[str, Any] | None = None
    ) -> Any:
        options = options or {}
        masked = function in INDEXING and any(i is not None and i.dtype == torch.bool for i in arguments[1])
        unsized = function in REPEATING and options.get("output_size") is None
        assert not (function in WAITING or masked or unsized), f"{function} waits for the device"
        return function(*arguments, **options)


@pytest.mark.parametrize("settings", [{}, PADDING_FREE], ids=["padded", "padding-free"])
@pytest.mark.parametrize("name", registry.names())
def test_ranking_does_not(name: str, settings: dict[str, Any]) -> None:
    model = small(name, **settings)
    with NeverWaiting():
        rank_phase(model, ITEMS, SPLIT.test, window=12, seed=0, tile=7, lists=5)


@pytest.mark.parametrize("settings", [{}, PADDING_FREE], ids=["padded", "padding-free"])
@pytest.mark.parametrize(("name", "stage"), STAGES)
def test_training_does_not(name: str, stage: str, settings: dict[str, Any]) -> None:
    model = small(name, **settings)
    model.enter_stage(stage)
    model.train()
    samples = samples_of(model)
    batch = samples.batch(torch.arange(16), seed=3)
    optimizer = make_optimizer(model, Training(), Stage())
    with NeverWaiting():
        train_step(model, batch, Stage(clip_norm=1.0), optimizer)


@pytest.mark.parametrize(
    "waits",
    [
        lambda: int(ITEMS.sum()),
        lambda: bool(ITEMS.any()),
        lambda: ITEMS[ITEMS > 3],
        lambda: ITEMS.unique(),
        lambda: ITEMS.nonzero(),
        lambda: ITEMS.repeat_interleave(ITEMS),
        lambda: ITEMS.sum().item(),
        lambda: ITEMS.argwhere(),
        lambda: torch.where(ITEMS > 3),
    ],
)
@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_what_waits_is_noticed(mode: Callable[[], Any], waits: Callable[[], object]) -> None:
    with mode(), pytest.raises(AssertionError, match="waits for the device"), NeverWaiting():
        waits()
