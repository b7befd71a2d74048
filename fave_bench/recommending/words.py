"""An answer for people, side by side with what it was asked, and for programs."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import zip_longest
from typing import Any

from fave_bench.recommending.answer import CALLS, TIMED, Answer
from fave_bench.recommending.question import Item, Question, Questions
from fave_bench.records import Record

WIDTH = 44
"""Columns of one side."""


def document(record: Record, asked: Question, answer: Answer, questions: Questions, device: str) -> dict[str, Any]:
    """JSON values; histories oldest first, recommendations best first, ranks from 1."""
    target = None if asked.target is None else asdict(questions.item(asked.target)) | {"ranks": asked.ranks}
    return {
        "run": record.key, "dataset": record.dataset.name, "model": record.model, "title": record.title,
        "setting": record.setting, "variant": record.variant, "seed": record.seed, "truncated": record.truncated,
        "user": asked.user, "history": [asdict(questions.item(number)) for number in asked.history], "target": target,
        "recommended": [
            {"place": place, **asdict(questions.item(number)), "score": score}
            for place, (number, score) in enumerate(zip(answer.items, answer.scores, strict=True), 1)
        ],
        "milliseconds": answer.milliseconds, "calls": CALLS, "timed": TIMED, "device": device,
    }  # fmt: skip


def lines(record: Record, asked: Question, answer: Answer, questions: Questions, device: str) -> Iterator[str]:
    """The history, newest first, beside the list; the target is marked where it is in it."""
    row = ", ".join(filter(None, (record.title, record.setting, record.variant, f"seed {record.seed}")))
    yield f"{record.dataset.name} · {row} · run {record.key}" + " · stopped by a budget †" * record.truncated
    if asked.user is not None:
        yield f"user {asked.user}"
    if asked.target is not None and asked.ranks is not None:
        ranks = ", ".join(f"{rank:g} ({protocol})" for protocol, rank in asked.ranks.items())
        yield f"target: {_words(questions.item(asked.target))} · rank {ranks} of {record.dataset.items:,} items"
    yield ""
    shown = min(len(answer.items), len(asked.history))
    yield f"{f'history, newest {shown} of {len(asked.history)}':<{WIDTH}}      recommended"
    history = _column([questions.item(number) for number in asked.history[::-1][:shown]])
    listed = _column([questions.item(number) for number in answer.items])
    for place, (left, right) in enumerate(zip_longest(history, listed, fillvalue=""), 1):
        mark = "  ← target" * (answer.items[place - 1] == asked.target)
        yield f"{left:<{WIDTH}} {place:>3}  {right}{mark}"
    yield ""
    yield f"{answer.milliseconds:.3g} ms, median of {CALLS} calls after a warm-up: {TIMED}; {device}"


def _words(item: Item) -> str:
    return f"{item.id}  {item.title}" if item.title else item.id


def _column(items: Sequence[Item]) -> list[str]:
    """Ids in a column of their own, and nothing wider than WIDTH."""
    width = max((len(item.id) for item in items), default=0)
    told = [f"{item.id:<{width}}  {item.title}" if item.title else item.id for item in items]
    return [words if len(words) <= WIDTH else words[: WIDTH - 1] + "…" for words in told]
