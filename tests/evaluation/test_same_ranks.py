"""Real models' ranks do not know who shares the batch, in which order users come, nor how many threads work."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fave_bench import data
from fave_bench.data.splits import Phase, leave_one_out
from fave_bench.evaluation.metrics import metrics_of
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.ranks import rank_phase
from fave_bench.models import registry
from fave_bench.models.contract import Recommender

MODELS: dict[str, dict[str, Any]] = {
    "fave": {"width": 16, "decoder": [16, 16], "steps": 2, "window": 20},
    "sasrec": {"d": 16, "window": 20},
    "gru4rec": {"window": 20},
    "itemknn": {},
}
"""One that draws noise at inference, one without padding, one that recurs, one of sparse sums."""
USERS = 120


@pytest.fixture
def threads() -> Iterator[None]:
    usual = torch.get_num_threads()
    yield
    torch.set_num_threads(usual)


@pytest.fixture(scope="module", params=MODELS)
def asked(request: pytest.FixtureRequest) -> tuple[Recommender, torch.Tensor, Phase, PhaseRanks]:
    """A model, items, some users' test questions, and their ranks in one tile on one thread."""
    sequences, kind = data.load("demo"), registry.load(request.param)
    split = leave_one_out(sequences)
    torch.manual_seed(0)
    model: Recommender = kind(kind.Config(**MODELS[request.param]), sequences.num_items)
    model.fit(sequences, split)
    items, test = torch.as_tensor(sequences.items, dtype=torch.int64), split.test
    phase = Phase(test.users[:USERS], test.start[:USERS], test.stop[:USERS])
    torch.set_num_threads(1)
    return model, items, phase, rank(model, items, phase, USERS)


def rank(model: Recommender, items: torch.Tensor, phase: Phase, tile: int) -> PhaseRanks:
    return rank_phase(model, items, phase, window=model.config.window, seed=3, tile=tile, lists=20)


@given(tile=st.integers(1, USERS), workers=st.sampled_from([1, 2]), shuffler=st.randoms(use_true_random=False))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ranks_and_lists_are_the_same_in_any_tiles_order_and_threads(
    asked: tuple[Recommender, torch.Tensor, Phase, PhaseRanks], threads: None, tile: int, workers: int, shuffler: Any
) -> None:
    model, items, phase, expected = asked
    order = list(range(USERS))
    shuffler.shuffle(order)
    torch.set_num_threads(workers)
    found = rank(model, items, Phase(phase.users[order], phase.start[order], phase.stop[order]), tile)
    for protocol in expected.higher:
        assert (found.higher[protocol] == expected.higher[protocol][order]).all()
        assert (found.equal[protocol] == expected.equal[protocol][order]).all()
    assert found.lists is not None and expected.lists is not None
    assert (found.lists == expected.lists[order]).all()
    mine, theirs = metrics_of(found)["filtered"], metrics_of(expected)["filtered"]
    assert all(np.isclose(mine[name], theirs[name], rtol=1e-12) for name in theirs), "a mean, in another order"
