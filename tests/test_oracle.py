"""Nobody beats the oracle: the best possible score of a synthetic set bounds every model, up to sampling error."""

import pytest
import torch

from fave_bench import data
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.evaluation.metrics import errors_of, metrics_of
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.ranks import rank_phase
from fave_bench.models import registry


def fitted_ranks(name: str, sequences: Sequences) -> PhaseRanks:
    """A closed-form model, fitted and ranked on the test targets."""
    split, kind = leave_one_out(sequences), registry.load(name)
    model = kind(kind.Config(), sequences.num_items)
    model.fit(sequences, split)
    return rank_phase(model, torch.as_tensor(sequences.items, dtype=torch.int64), split.test, window=50, seed=0)


@pytest.mark.parametrize("dataset", ["markov", "bag", "demo"])
@pytest.mark.parametrize("name", ["popularity", "markov", "itemknn"])
def test_no_reference_beats_the_oracle(dataset, name):
    sequences = data.load(dataset)
    ranks = fitted_ranks(name, sequences)
    ours, errors = metrics_of(ranks)["filtered"], errors_of(ranks)["filtered"]
    for metric, best in sequences.oracle.items():
        assert ours[metric] <= best + 4 * errors[metric], f"{name} on {dataset}: {metric}"


def test_order_decides_on_markov_and_not_on_bag():
    """Seeing only the last item wins where order decides; seeing no order wins where it does not."""
    share = {}
    for dataset in ("markov", "bag"):
        sequences = data.load(dataset)
        for name in ("markov", "itemknn"):
            n20 = metrics_of(fitted_ranks(name, sequences))["filtered"]["N@20"]
            share[dataset, name] = n20 / sequences.oracle["N@20"]
    assert share["markov", "markov"] > 0.8 > share["markov", "itemknn"]
    assert share["bag", "itemknn"] > 0.8 > share["bag", "markov"]
