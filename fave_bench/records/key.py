"""The name of a run: a short hash over all that decides its numbers."""

import hashlib
import json
from collections.abc import Mapping

from pydantic import JsonValue

from fave_bench.errors import BenchError


def key_of(
    *,
    config: Mapping[str, JsonValue],
    fingerprint: str,
    protocol_versions: Mapping[str, int],
    seed: int,
    model: str,
    setting: str,
    variant: str,
    model_version: int,
    split: str,
) -> str:
    """12 hex digits of a SHA-256 over canonical JSON: a changed input is a new run, never an overwrite.

    A wall-clock budget belongs into `config` for that reason. Raises BenchError for a value JSON cannot hold.
    """
    inputs = {
        "config": config, "fingerprint": fingerprint, "protocols": protocol_versions, "seed": seed, "model": model,
        "setting": setting, "variant": variant, "model_version": model_version, "split": split,
    }  # fmt: skip
    try:
        canonical = json.dumps(inputs, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BenchError(f"{model}: the configuration cannot be written as JSON: {error}") from None
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
