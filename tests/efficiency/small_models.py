"""Every registered model at a small size, fitted to twenty users."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.models import registry
from fave_bench.models.contract import GenerativeRecommender, Recommender
from fave_bench.training.samples import Samples

SIZES = {
    "window": 12, "width": 16, "d": 16, "hidden": 16, "heads": 2, "blocks": 2, "tap": 1, "decoder": (8, 8),
    "timesteps": 24, "steps": 5, "finetune_steps": 3, "delta": 0.5,
}  # fmt: skip
"""δ is large, so that λ's noise shows."""
PADDING_FREE = {"key_mask": "on", "anchor": "valid", "source_loss": "full_norm", "dropout": 0.0, "emb_dropout": 0.0,
                "attention_dropout": 0.0, "drop_path": 0.0}  # fmt: skip
RANDOM = np.random.default_rng(5)
ROWS = [RANDOM.permutation(40)[: RANDOM.integers(4, 12)] + 1 for _ in range(20)]
SEQUENCES = Sequences("toy", np.cumsum([0, *map(len, ROWS)]), np.concatenate(ROWS).astype(np.int32))
SPLIT = leave_one_out(SEQUENCES)
TRAINED = [
    (name, stage)
    for name in registry.names()
    if registry.load(name).samples != "none"
    for stage in (("pretrain", "finetune") if name == "fave" else ("train",))
]
"""Every model that is trained, with each of its stages."""
GENERATIVE = [name for name in registry.names() if issubclass(registry.load(name), GenerativeRecommender)]


def small(name: str, **config: Any) -> Recommender:
    """In evaluation mode, at its last stage; settings a model does not have are left out."""
    torch.manual_seed(0)
    kind = registry.load(name)
    known = {key: value for key, value in (SIZES | config).items() if key in kind.Config.model_fields}
    model = kind(kind.Config(**known), SEQUENCES.num_items)
    model.fit(SEQUENCES, SPLIT)
    if name == "fave":
        model.enter_stage("finetune")
    return model.eval()


def samples_of(model: Recommender, device: str = "cpu") -> Samples:
    return Samples(SEQUENCES, SPLIT, model.samples, 12, torch.device(device), sort=model.padding_free)


def histories(*lengths: int, window: int = 12) -> Tensor:
    """(B, window) random left-padded histories."""
    ids = torch.randint(1, SEQUENCES.num_items + 1, (len(lengths), window), generator=torch.Generator().manual_seed(1))
    return ids * (torch.arange(window) >= window - torch.tensor(lengths)[:, None])
