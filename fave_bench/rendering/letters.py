"""Letters that say which rows beat which: each row has one, and a cell raises those of the rows it beats."""

from collections.abc import Sequence
from dataclasses import replace
from string import ascii_letters

import numpy as np
from numpy.typing import NDArray

from fave_bench.evaluation.metrics import FloatArray
from fave_bench.evaluation.protocols import Protocol
from fave_bench.evaluation.significance import ALPHA, pairs_of, permutation_tests
from fave_bench.rendering.boards import Board, Line
from fave_bench.rendering.paired import Ranks, outcomes_of

SEED = 0
LETTERS = (
    "Letters: a raised letter names a row that the cell's row beats in that metric, paired over the test users and "
    f"each row's seeds averaged: two-sided permutation test (Monte Carlo seed {SEED}), p < {ALPHA} after Holm's "
    "correction for all pairs of rows and all metrics shown of one dataset and protocol. Rows marked † were compared "
    "as they stand, which is no verdict on the model."
)


def lettered(board: Board, protocol: Protocol, metrics: Sequence[str], ranks: Ranks) -> Board:
    """The board with a letter for every line that was run, and in each metric those of the lines it beats.

    Lines of which some metric is not known have no letter.
    """
    run = [line for line in board.lines if all(line.value(protocol.name, metric) for metric in metrics)]
    if not run:
        return board
    found = outcomes_of(run, protocol, metrics, ranks)
    beats = wins(found.values, found.weights, permutation_tests(found, SEED)[2] < ALPHA)
    names = [letter(i) for i in range(len(run))]

    def marked(i: int) -> Line:
        beaten = {metric: np.flatnonzero(beats[i, :, m]) for m, metric in enumerate(metrics)}
        words = {metric: "".join(names[j] for j in others) for metric, others in beaten.items()}
        return replace(run[i], letter=names[i], beats=words)

    place = {id(line): i for i, line in enumerate(run)}
    lines = (marked(place[id(line)]) if id(line) in place else line for line in board.lines)
    return replace(board, lines=tuple(lines))


def wins(values: FloatArray, weights: FloatArray, significant: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(R, R, M): row i beats row j.

    `values` are (E, R, M), `weights` (E,), and `significant` (P, M) in the order of `pairs_of`.
    """
    means = np.tensordot(weights, values, axes=1)  # (R, M)
    rows = len(means)
    differ = np.zeros((rows, rows, means.shape[1]), dtype=bool)
    first, second = pairs_of(rows).T
    differ[first, second] = differ[second, first] = significant
    return differ & (means[:, None] > means[None])


def letter(place: int) -> str:
    """a, b, … z, A, … Z, a1, b1, …"""
    again, place = divmod(place, len(ascii_letters))
    return ascii_letters[place] + (str(again) if again else "")
