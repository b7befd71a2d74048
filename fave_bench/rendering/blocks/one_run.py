"""What one recorded run came to, and how it went there."""

from collections import Counter
from collections.abc import Sequence

from fave_bench.errors import BenchError
from fave_bench.records import Record
from fave_bench.records.schema import Look
from fave_bench.rendering.blocks.words import METRICS, ORDER, numbers, spaced
from fave_bench.rendering.contents import Contents
from fave_bench.rendering.markdown import escape
from fave_bench.rendering.summary import hurry

ENDS = {
    "converged": "converged", "epochs": "as many as it was given", "limit": "stopped by a limit of passes",
    "budget": "stopped by its budget", "closed-form": "closed form", "external": "another program's",
}  # fmt: skip
ROUND = {digit * 10**power for digit in (1, 2, 5) for power in range(5)}
"""Passes whose looks are shown: 1, 2, 5, 10, 20, 50, …"""
FEW = 8
"""So many looks of a stage are all shown."""


def one_run(contents: Contents, key: str) -> str:
    """A bullet about one recorded run: what it is, its test metrics and their sampling error, how it ended."""
    found = _recorded(contents, key)
    about = [found.title, *filter(None, [found.setting, spaced(found.variant)]), f"seed {found.seed}", *hurry(found)]
    said = [f"{protocol} {_measured(found, protocol)}" for protocol in dict.fromkeys(protocol for protocol, _ in ORDER)]
    end = f"{found.training.epochs:.3g} epochs, {ENDS[found.training.stopped_because]}"
    return f"- {escape(', '.join(about))}, run `{key}` ({end}): {'; '.join(said)}"


def looks(contents: Contents, key: str) -> str:
    """What one recorded run saw of validation: after 1, 2, 5, 10, … passes of a stage, its last, and the one kept;
    where there are few, all."""
    training = _recorded(contents, key).training
    of_stage = Counter(look.stage for look in training.curve)
    rows = []
    for look in training.curve:
        kept = look.stage == training.curve[-1].stage and look.epoch == training.best_epoch
        if kept or of_stage[look.stage] <= FEW or is_milestone(look, training.curve):
            rows.append([look.stage, f"{look.epoch}{' (kept)' * kept}", *_seen(look)])
    if not rows:
        return "No look at validation."
    return numbers(["stage", "passes", *(f"{metric} {protocol}" for protocol, metric in ORDER)], rows)


def is_milestone(look: Look, curve: Sequence[Look]) -> bool:
    """Whether it was after 1, 2, 5, 10, … passes of a stage, or is the stage's last."""
    return look.epoch in ROUND or look is [other for other in curve if other.stage == look.stage][-1]


def _recorded(contents: Contents, key: str) -> Record:
    found = next((record for record in contents.records if record.key == key), None)
    if found is None:
        raise BenchError(f"no run {key} is recorded here; give the key of a run.json below results/")
    return found


def _measured(record: Record, protocol: str) -> str:
    metrics, errors = record.metrics[protocol]["test"], record.standard_errors[protocol]["test"]
    return ", ".join(f"{name} {100 * metrics[name]:.2f} (± {100 * errors[name]:.2f})" for name in METRICS)


def _seen(look: Look) -> list[str]:
    values = [look.validation.get(protocol, {}).get(metric) for protocol, metric in ORDER]
    return ["–" if value is None else f"{100 * value:.2f}" for value in values]
