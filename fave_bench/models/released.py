"""Weights trained with the authors' public code, read into our models under setting `released`.

The files are `state_dict`s saved by torch.save. They are opened with weights_only, so a file can hold tensors and
containers but run nothing. Which of a model's tensors are which of theirs is the model class's business: a class that
can be imported defines `released_keys()` and `released_config(state)`; `released_ignored` names buffers it recomputes.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from fave_bench.errors import BenchError, UsageError, first_complaint
from fave_bench.models import registry
from fave_bench.models.contract import Recommender

WRAPPERS = ("state_dict", "model_state_dict", "model")
State = dict[str, Tensor]


def import_released(
    path: str | Path,
    model: str = "fave",
    *,
    stage: str | None = None,
    preset: Mapping[str, Any] | None = None,
    **overrides: Any,
) -> Recommender:
    """The model in `path`, in evaluation mode, with every switch at the released code's value.

    `stage`: which stage the weights come from; FAVE's shipped files are `finetune` (the default: a class's
    `released_stage`) or `pretrain`. `overrides` set fields of the model's Config, e.g. ``lambda_noise="zero"``, and
    `preset` those that neither they nor the sizes of the tensors do.
    Raises BenchError, one sentence, for a file that is not such a state_dict.
    """
    path = Path(path)
    kind: Any = registry.load(model)
    if not hasattr(kind, "released_keys"):
        raise UsageError(f"model '{model}': no public code's weights are known to be importable")
    theirs = _read(path)
    try:
        sizes = kind.released_config(theirs)
    except (KeyError, IndexError) as error:
        raise BenchError(f"{path}: not a {kind.title} state_dict, it has no {error}") from None
    try:
        config = kind.Config(**(dict(preset or {}) | sizes | overrides))
    except ValidationError as error:
        raise UsageError(f"{model}: {first_complaint(error)}") from None
    found: Recommender = kind(config, len(theirs[kind.released_keys()["items"][0] + ".weight"]) - 1)
    found.load_state_dict(_translated(path, found, theirs))
    if entered := stage or kind.released_stage:
        found.enter_stage(entered)
    return found.eval()


def _read(path: Path) -> State:
    """The tensors of a saved state_dict, bare or wrapped, as float32 on the CPU."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise BenchError(f"{path}: no such file") from None
    except Exception as error:  # torch raises many kinds for a damaged or hostile file
        pointer = path.is_file() and path.read_bytes()[:7] == b"version"
        reason = "a Git LFS pointer: fetch the file it stands for" if pointer else type(error).__name__
        raise BenchError(f"{path}: cannot be read as tensors saved by torch.save ({reason})") from None
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not content or not all(isinstance(key, str) for key in content):
        raise BenchError(f"{path}: holds no state_dict")
    for key, value in content.items():
        if not isinstance(value, Tensor) or not value.is_floating_point() or not value.isfinite().all():
            raise BenchError(f"{path}: '{key}' is not a tensor of finite numbers")
    return {key.removeprefix("module."): value.float() for key, value in content.items()}


def _translated(path: Path, model: Recommender, theirs: State) -> State:
    """Our state_dict from theirs: every tensor of theirs used once, every shape as ours."""
    kind: Any = type(model)
    names, left, ours = kind.released_keys(), set(theirs), {}
    for key, expected in model.state_dict().items():
        sources = _sources(key, names)
        missing = [source for source in sources if source not in theirs]
        if missing:
            raise BenchError(f"{path}: not a {kind.title} state_dict, '{missing[0]}' is missing")
        left -= set(sources)
        of_each = [length // len(sources) for length in expected.shape[:1]] + list(expected.shape[1:])
        for source in sources:
            if list(theirs[source].shape) != of_each:
                shape = tuple(theirs[source].shape)
                raise BenchError(f"{path}: '{source}' has shape {shape}, which does not fit {kind.title}")
        ours[key] = torch.cat([theirs[source] for source in sources]) if of_each else theirs[sources[0]]
    unknown = sorted(key for key in left if not key.endswith(kind.released_ignored))
    if unknown:
        raise BenchError(f"{path}: not a {kind.title} state_dict, '{unknown[0]}' is unexpected")
    return ours


def _sources(key: str, names: dict[str, tuple[str, ...]]) -> list[str]:
    """Their keys whose tensors, stacked, are our `key`."""
    module, _, leaf = key.rpartition(".")
    if module in names:
        return [f"{name}.{leaf}" for name in names[module]]
    number = re.search(r"\d+", module)
    assert number, module
    return [f"{name.replace('*', number[0])}.{leaf}" for name in names[module.replace(number[0], "*", 1)]]
