"""The one board whose rows may be compared user by user, or the sentence that says why there is none."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from fave_bench.errors import BenchError, unknown
from fave_bench.evaluation.protocols import versions
from fave_bench.records import Record
from fave_bench.rendering.boards import Board, Line, boards, main_rows
from fave_bench.rendering.printed import Overall
from fave_bench.studies.catalogue import is_variation


def one_board(
    records: Iterable[Record], dataset: str, papers: Overall, *, models: Sequence[str] = (), split: str | None = None
) -> Board:
    """The lines of `dataset`, narrowed to `models` if any are named, and to `split` if there are several.

    A line is asked for by its model, by `model:setting` or by `model:setting:variant`, of which there may be several,
    or by the key of a run, of which there is one. Raises UsageError for a name that nothing has, BenchError where runs
    may not be compared or are too few.
    """
    every = list(records)
    here = [record for record in every if record.dataset.name == dataset]
    if not here:
        known = {*papers.datasets, *(record.dataset.name for record in every)}
        if dataset not in known:
            raise unknown("dataset", dataset, known)
        raise BenchError(f"no finished run of {dataset} to compare")
    chosen = _asked(here, models)
    if split:
        chosen = [record for record in chosen if record.dataset.split == split]
    _refuse_mixtures(dataset, chosen)
    found = boards(chosen, [], papers)
    lines = tuple(line for board in found for line in board.lines if line.summary)
    if len(lines) < 2:
        raise BenchError(f"a comparison needs two rows, and {_where(dataset, models, split)} has {len(lines)}")
    return replace(found[0], lines=lines)


def identity(line: Line) -> str:
    """`model:setting` or `model:setting:variant`, as `one_board` takes it: what all rows of that name go by."""
    assert line.summary
    first = line.summary.first
    return ":".join(filter(None, (first.model, first.setting, first.variant)))


def _asked(records: list[Record], models: Sequence[str]) -> list[Record]:
    known = {name for record in records for name in _names(record)}
    for name in models:
        if name not in known | {record.key for record in records}:
            raise unknown("model", name, known)
    asked = {*models}
    return [one for one in records if asked & (_names(one) | {one.key})] if models else main_rows(records)


def _names(record: Record) -> set[str]:
    """What a record goes by; a variant of an ablation or a sweep by its full name alone."""
    setting = f"{record.model}:{record.setting}"
    full = f"{setting}:{record.variant}" if record.variant else setting
    return {full} if is_variation(record.model, record.changes) else {record.model, setting, full}


def _refuse_mixtures(dataset: str, records: list[Record]) -> None:
    """Only the same question put to the same users gives pairs."""
    stale = [record.key for record in records if record.protocols != versions()]
    if stale:
        raise BenchError(f"run {stale[0]} was ranked under another version of the protocols; run it again")
    if len({record.dataset.synthetic for record in records}) > 1:
        raise BenchError(f"{dataset}: synthetic and real runs cannot be compared; keep them in separate --results")
    splits = sorted({record.dataset.split for record in records})
    if len(splits) > 1:
        raise BenchError(f"{dataset}: these runs are of the splits {' and '.join(splits)}; choose one with --split")
    versions_of_data = sorted({record.dataset.fingerprint[:8] for record in records})
    if len(versions_of_data) > 1:
        raise BenchError(
            f"{dataset}: these runs learned from different data ({', '.join(versions_of_data)}), so their users are "
            "not the same; keep runs of one version of the data in --results, or name --models that share it"
        )


def _where(dataset: str, models: Sequence[str], split: str | None) -> str:
    return " ".join([dataset, *([split] if split else []), *([f"with --models {' '.join(models)}"] if models else [])])
