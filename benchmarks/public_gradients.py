"""Losses and gradients of FAVE beside those of the authors' public code: same weights, batch and draws, no dropout.

Needs a checkout of that code (github.com/Blue130/Fave), which is not part of this project:
    python benchmarks/public_gradients.py --checkout ../Fave
Left out is the source loss, which draws its zeros in another way here (tests/models/test_reconstruction.py).
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from public_fave import ALPHA, PUBLIC_YAML, add_datasets, asked
from torch import Tensor

from fave_bench import data
from fave_bench.data.splits import leave_one_out
from fave_bench.models import import_released
from fave_bench.models.contract import Recommender
from fave_bench.models.fave import Fave, FaveConfig
from fave_bench.randomness import StepDraw
from fave_bench.training.samples import Samples

CERTAIN = dict.fromkeys(("dropout", "emb_dropout", "drop_path_rate", "loss_pretrain_weight", "loss_aux_weight"), 0.0)
SAMPLES = 64
DRAWS = ("rand", "rand_like", "randn_like", "normal")


@contextmanager
def noted() -> Iterator[dict[str, list[Tensor]]]:
    """What torch's random functions return meanwhile, by their names."""
    found: dict[str, list[Tensor]] = {name: [] for name in DRAWS}

    def noting(name: str) -> Any:
        draw = getattr(torch, name)

        def wrapper(*args: Any, **kwargs: Any) -> Tensor:
            value: Tensor = draw(*args, **kwargs)
            found[name].append(value)
            return value

        return wrapper

    with patch.multiple(torch, **{name: noting(name) for name in DRAWS}):
        yield found


def given(
    stage: str, history: Tensor, e_seq: Tensor, drawn: dict[str, list[Tensor]], delta: float
) -> dict[str, Tensor]:
    """The public code's draws as arguments of our losses."""
    noise = drawn["normal"][0] / delta - 1
    if stage == "pretrain":
        u = drawn["rand"][0]
        t = (1 - u - ((torch.pi / 2 * u).cos() ** 2 - 1 + u)) * (1 - PUBLIC_YAML["eps"]) + PUBLIC_YAML["eps"]
        return {"x0": drawn["randn_like"][0], "t": t, "noise": noise}
    t, between, end, which = drawn["rand"]
    r = torch.where(end < PUBLIC_YAML["mask_end"], 1.0, between * (1 - t) + t)
    slot = (which * (history > 0).sum(1)).long()
    anchor = e_seq[torch.arange(len(history)), slot]
    return {
        "x0": anchor * (drawn["rand_like"][0] > 1 - PUBLIC_YAML["train_mask_ratio"]),
        "t": t,
        "r": r,
        "noise": noise,
    }


def imported(tensors: dict[str, Tensor]) -> Recommender:
    """Tensors of the public code under their names, as our model holds them."""
    with tempfile.NamedTemporaryFile(suffix=".pt") as file:
        torch.save(tensors, file.name)
        return import_released(file.name, model="fave")


def compare(public: Any, stage: str, dataset: str, delta: float, gamma: float) -> tuple[float, float, float]:
    """Our loss over theirs, and the largest and the whole difference of the gradients, relative to theirs."""
    sequences = data.load(dataset)
    options = argparse.Namespace(**PUBLIC_YAML | CERTAIN | {"lambda_uncertainty": delta, "loss_straight_weight": gamma})
    options.item_num = sequences.num_items + 1
    torch.manual_seed(0)
    theirs = public.model.Att_Fave_model(public.model.create_model_Fave(options), options).train()
    found = imported(theirs.state_dict())
    config = {"dropout": 0.0, "emb_dropout": 0.0, "drop_path": 0.0, "beta": 0.0, "finetune_beta": 0.0}
    ours = Fave(
        FaveConfig(**found.config.model_dump() | config | {"delta": delta, "gamma": gamma}), sequences.num_items
    )
    ours.load_state_dict(found.state_dict())
    ours.train().enter_stage(stage)
    if stage == "finetune":
        theirs.switch_to_finetune()
    samples = Samples(sequences, leave_one_out(sequences), "prefix", ours.config.window, torch.device("cpu"))
    batch = samples.batch(samples.order(0, "benchmark", 0)[:SAMPLES], 0)
    with noted() as drawn:
        their_loss, f, *_ = theirs(batch.history, batch.target[:, None], train_flag=True)
    their_loss = their_loss + ALPHA * theirs.loss_fave_tat(f, batch.target[:, None])
    their_loss.backward()
    losses = ours.pretrain_losses if stage == "pretrain" else ours.finetune_losses
    draws = given(stage, batch.history, ours.embed(batch.history), drawn, delta)
    our_loss = torch.stack(list(losses(batch.history, batch.target, draw=StepDraw(0), **draws).values())).sum()
    our_loss.backward()
    # their gradients, taken for weights, come under our names by the way that weights do
    gradients = theirs.state_dict() | {
        name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in theirs.named_parameters()
    }
    pairs = [
        (torch.zeros_like(p) if p.grad is None else p.grad, expected)
        for p, expected in zip(ours.parameters(), imported(gradients).parameters(), strict=True)
    ]
    apart = [float((a - b).norm()) for a, b in pairs]
    whole = float(torch.stack([b.norm() for _, b in pairs]).norm())
    return float(our_loss / their_loss), max(apart) / whole, float(torch.tensor(apart).norm()) / whole


def main() -> None:
    public, options = asked(__doc__, add_datasets)
    for dataset in options.datasets:
        for stage, delta, gamma in (("pretrain", 1e-3, 0.1), ("finetune", 1e-3, 0.1), ("finetune", 0.1, 100.0)):
            loss, largest, whole = compare(public, stage, dataset, delta, gamma)
            print(
                f"{dataset} {stage}, δ {delta}, γ {gamma}: loss {loss:.8f} of theirs; "
                f"gradients differ by {whole:.1e} of theirs, of one tensor by {largest:.1e} at most"
            )


if __name__ == "__main__":
    main()
