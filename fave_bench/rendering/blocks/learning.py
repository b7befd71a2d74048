"""What the runs of a family of ablations saw of validation while they learned, side by side."""

from fave_bench.records import Record
from fave_bench.rendering.ablation_data import Ablation, ablations
from fave_bench.rendering.blocks.one_run import is_milestone
from fave_bench.rendering.blocks.words import METRICS, family_named, numbers
from fave_bench.rendering.claims.claim import PROTOCOL
from fave_bench.rendering.contents import Contents
from fave_bench.rendering.markdown import escape


def learning(contents: Contents, family: str) -> str:
    """H@20 / N@20 after 1, 2, 5, 10, … passes of a stage and its last, a column for the first seed of every run.

    A table for each full model in the setting that the family varies, but for those that a budget cut short.
    """
    studied = family_named(family)
    found = ablations(contents.records, family, studied, {})
    wanted = [
        one
        for one in found
        if one.sample.setting == studied.setting and one.sample.dataset.as_printed and not one.sample.truncated
    ]
    return "\n\n".join(map(_side_by_side, wanted)) or "None yet."


def _side_by_side(ablation: Ablation) -> str:
    seen = {line.name: _seen(line.summary.first) for line in ablation.lines if line.summary}
    looked = dict.fromkeys(when for one in seen.values() for when in one)
    stages = list(dict.fromkeys(stage for stage, _ in looked))
    rows = [
        [ablation.sample.dataset.name, stage, f"{epoch}", *(one.get((stage, epoch), "–") for one in seen.values())]
        for stage, epoch in sorted(looked, key=lambda when: (stages.index(when[0]), when[1]))
    ]
    return numbers(["dataset", "stage", "passes", *map(escape, seen)], rows, words=2)


def _seen(record: Record) -> dict[tuple[str, int], str]:
    """Stage and passes in it -> the metrics at that look, in percent."""
    curve = record.training.curve
    shown = {(look.stage, look.epoch): look.validation.get(PROTOCOL, {}) for look in curve if is_milestone(look, curve)}
    return {
        when: " / ".join(f"{100 * values[metric]:.2f}" for metric in METRICS)
        for when, values in shown.items()
        if values.keys() >= set(METRICS)
    }
