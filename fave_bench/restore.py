"""The trained model behind a record, built again from its configuration and its weights."""

import torch
from torch import Tensor

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import SPLITS
from fave_bench.errors import BenchError
from fave_bench.models import registry
from fave_bench.models.contract import GenerativeRecommender, Recommender
from fave_bench.records import Record, Store
from fave_bench.training.saved import require_like
from fave_bench.trees import at


def restore(store: Store, record: Record, sequences: Sequences, device: torch.device) -> Recommender:
    """The run's model as its test set was ranked: best weights, last stage, evaluation mode.

    Raises BenchError where `sequences` are not what the run learned from, where the weights are not on this machine,
    and where the model's mathematics have changed since, or were never here.
    """
    if record.external:
        raise BenchError(f"run {record.key} is of another program, and has no model here")
    kind = registry.load(record.model)
    if kind.version != record.model_version:
        raise BenchError(f"run {record.key} is of {record.model} version {record.model_version}, now {kind.version}")
    if sequences.fingerprint != record.dataset.fingerprint:
        raise BenchError(f"run {record.key} learned from other data than what is here as {record.dataset.name}")
    model = kind(kind.Config.model_validate(record.config["model"]), sequences.num_items).to(device)
    model.fit(sequences, SPLITS[record.dataset.split](sequences))
    for stage in stages(record):
        model.enter_stage(stage)
    _take(store.weights(record), model, record.key)
    if isinstance(model, GenerativeRecommender) and record.inference:
        _check_steps(model.sampler_steps(), record.inference.steps, record.key)
    return model.eval()


def _take(weights: dict[str, Tensor], model: Recommender, key: str) -> None:
    try:
        require_like(weights, model.state_dict())
    except ValueError as error:
        raise BenchError(f"the weights of run {key} are not those of its configuration: {error}") from None
    model.load_state_dict(weights)


def stages(record: Record) -> list[str]:
    """The training stages in the order they were entered.

    run.json sorts its keys, so the order is that of the looks at validation; a stage that a budget left no time for
    has none, and came after all that have. A stage of no epochs was never entered.
    """
    training = record.config.get("training")
    listed = training.get("stages") if isinstance(training, dict) else None
    configured = [name for name in listed if at(listed, f"{name}.epochs")] if isinstance(listed, dict) else []
    return list(dict.fromkeys([*(look.stage for look in record.training.curve), *configured]))


def _check_steps(found: int, recorded: int | None, key: str) -> None:
    """The sampler's own count depends on the stage, so it tells whether the stage is the right one."""
    if found != recorded:
        raise BenchError(f"run {key} was ranked in {recorded} steps, and its configuration now asks for {found}")
