"""What scores say of a phase's targets: their ranks, and in sentences what cannot be known."""

from dataclasses import dataclass, replace
from typing import TypeVar

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import Phase
from fave_bench.errors import BenchError, UsageError
from fave_bench.evaluation.metrics import CUTOFFS, METRICS, decides
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.protocols import FILTERED, RELEASED
from fave_bench.external.list_ranks import ListRanking, rank_lists
from fave_bench.external.lists import Lists
from fave_bench.external.matrix import Matrix
from fave_bench.external.matrix_ranks import rank_matrix

REMOVED = f"histories were removed, so protocol {RELEASED.name}, under which they compete, cannot be judged"
FIRST = CUTOFFS[0]
T = TypeVar("T")


@dataclass(frozen=True)
class Reading:
    """What the author of a file says of it, as it cannot be seen."""

    ids: str | None = None
    """Whose numbers lists are in."""
    history: str | None = None
    """`kept` or `removed`: whether items of a user's history still compete; None: told by looking."""
    ties_listed: bool = False
    """Lists hold every item that scores like their last one."""


@dataclass(frozen=True)
class Judgement:
    """Ranks under the protocols of which some metric can be known."""

    ranks: PhaseRanks
    notes: tuple[str, ...]
    """Sentences for whoever reads the numbers."""


def judge(given: Matrix | Lists, sequences: Sequences, phase: Phase, reading: Reading, length: int) -> Judgement:
    """Exact ranks, as far down as the scores decide them, and the `length` best candidates where all are known.

    Raises BenchError where no metric can be known, and for scores that `rank_matrix` or `ListRanking` refuse.
    """
    if isinstance(given, Matrix):
        if reading.ties_listed:
            raise UsageError(f"--ties-listed: {given.name} is a matrix, whose ties are seen; leave the option out")
        found = _judge_matrix(given, sequences, phase, reading, length)
    else:
        found = _judge_lists(given, sequences, phase, reading, length)
    if not found.ranks.higher:
        raise BenchError(f"no metric can be known: {'; '.join(found.notes)}")
    return found


def _judge_matrix(given: Matrix, sequences: Sequences, phase: Phase, reading: Reading, length: int) -> Judgement:
    ranks, masked = rank_matrix(given, sequences, phase, length)
    removed = masked if reading.history is None else reading.history == "removed"
    notes = []
    if removed:
        notes.append(f"{given.name}: {REMOVED}")
        ranks = _without(ranks, RELEASED.name)
    elif given.columns == sequences.num_items:
        notes.append(f"{given.name}: no column for padding, which therefore beats nobody under {RELEASED.name}")
    if not removed and _looks_removed(ranks):
        notes.append(f"{given.name}: no item of a history ranks above a target; were histories removed (--history)?")
    return Judgement(ranks, tuple(notes))


def _judge_lists(given: Lists, sequences: Sequences, phase: Phase, reading: Reading, length: int) -> Judgement:
    ranking = ListRanking(given, sequences, phase)
    if reading.history == "removed":
        ranking.refuse_history()
    removed = ranking.removed if reading.history is None else reading.history == "removed"
    ranks, ends = rank_lists(ranking, removed=removed, ties_listed=reading.ties_listed, length=length)
    notes = [f"{given.name}: {REMOVED}"] if removed else []
    for protocol, (depth, user) in ends.items():
        notes += [f"{given.name}: {_words(ranks, protocol)} {depth} places of user '{user}'"]
        if depth < FIRST:
            ranks = _without(ranks, protocol)
    return Judgement(ranks, tuple(notes))


def _words(ranks: PhaseRanks, protocol: str) -> str:
    """Which metrics are left out, and that the reason is what lists decide of somebody."""
    lost = [metric for metric in METRICS if not decides(ranks, protocol, metric)]
    return f"protocol {protocol} goes without {', '.join(lost)}, as lists decide no more than"


def _without(ranks: PhaseRanks, protocol: str) -> PhaseRanks:
    def others(values: dict[str, T]) -> dict[str, T]:
        return {name: value for name, value in values.items() if name != protocol}

    return replace(ranks, higher=others(ranks.higher), equal=others(ranks.equal), decided=others(ranks.decided))


def _looks_removed(ranks: PhaseRanks) -> bool:
    """Whether what protocol filtered leaves out, other than padding, which is one item, never beats a target."""
    return bool(((ranks.higher[RELEASED.name] - ranks.higher[FILTERED.name]) <= 1).all())
