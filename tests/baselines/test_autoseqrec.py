"""Laws of AutoSeqRec: its matrices against counting by hand, what a phase may look at, losses, scores and size."""

from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from small_world import fingerprint, from_rows
from torch.utils.flop_counter import FlopCounterMode

from baselines.autoseqrec import AutoSeqRec
from fave_bench.data.splits import leave_one_out
from fave_bench.models.contract import Batch, parameter_count
from fave_bench.randomness import StepDraw, UserDraw
from fave_bench.training.config import Stage, Training
from fave_bench.training.optimizer import make_optimizer, set_learning_rate

ROWS = [[3, 7, 2, 3, 7, 6, 1], [5, 1, 4, 9], [2, 3, 7, 8, 5, 4]]
SEQUENCES = from_rows(ROWS)
HISTORY = torch.tensor([[0, 3, 7, 2, 3, 7], [0, 0, 0, 0, 5, 1], [0, 0, 2, 3, 7, 8]])


def model(**config) -> AutoSeqRec:
    torch.manual_seed(1)
    sizes = {"window": 6, "width": 4, "encoder_dropout": 0.0, "decoder_dropout": 0.0}
    net = AutoSeqRec(AutoSeqRec.Config(**(sizes | config)), 9)
    net.fit(SEQUENCES, leave_one_out(SEQUENCES))
    return net.eval()


def counted(rows: list[list[int]], vocabulary: int) -> tuple[torch.Tensor, torch.Tensor]:
    """R (U, V) and S (V, V) of training sequences, by hand."""
    owned, following = torch.zeros(len(rows), vocabulary), torch.zeros(vocabulary, vocabulary)
    for user, row in enumerate(rows):
        owned[user, row] = 1
        for before, after in set(pairwise(row)):
            following[before, after] += 1
    return owned, following


def test_parameter_count_is_the_closed_form():
    """4 N D + D + 3 N: 1,727,670 on ML-100k."""
    assert parameter_count(AutoSeqRec(AutoSeqRec.Config(), 1682)) == 4 * 1682 * 256 + 256 + 3 * 1682 == 1_727_670


def test_multiply_accumulates_per_user_are_the_closed_form():
    """N D to encode the user, 3 N D for the three products; the graph's rows are summed, not multiplied."""
    with FlopCounterMode(display=False) as counter:
        model().scores(HISTORY[:1], draw=StepDraw(0))
    assert counter.get_total_flops() / 2 == 4 * 9 * 4


@settings(max_examples=40)
@given(st.lists(st.lists(st.integers(1, 8), min_size=3, max_size=12), min_size=1, max_size=5))
def test_matrices_are_the_training_counts_with_a_user_s_repeats_counted_once(rows):
    rows[0][0] = 8  # fixes the catalogue at 8 items
    net, sequences = AutoSeqRec(AutoSeqRec.Config(width=2), 8), from_rows(rows)
    net.fit(sequences, leave_one_out(sequences))
    owned, following = counted([row[:-2] for row in rows], 9)
    assert torch.equal(net.owned.dense(torch.arange(len(rows))), owned)
    if following.any():
        assert torch.equal(net.following.dense(torch.arange(9)), following)
        assert torch.equal(net.preceding.dense(torch.arange(9)), following.T)


def test_held_out_items_are_nowhere_in_the_fitted_model():
    """The last two items of every user may be replaced by anything."""
    other = from_rows([[*row[:-2], 9, 9] for row in ROWS])
    net = AutoSeqRec(AutoSeqRec.Config(width=4), 9)
    net.fit(other, leave_one_out(other))
    for name, buffer in model().named_buffers():
        assert torch.equal(buffer, net.get_buffer(name))


def test_a_user_s_row_is_the_training_row_completed_by_the_history():
    net, users = model(window=2), torch.arange(3)
    validation, test = HISTORY[:, -2:], torch.tensor([[7, 6], [1, 4], [8, 5]])
    for history, ends in ((validation, -2), (test, -1)):
        expected, _ = counted([row[:ends] for row in ROWS], 10)
        assert torch.equal(net.rows_of(history, UserDraw(0, users))[:, 1:], expected[:, 1:])
    stranger = net.rows_of(validation, StepDraw(0))
    assert stranger.sum() == 6 and stranger[0, [3, 7]].all()
    newcomers = net.rows_of(validation, UserDraw(0, torch.full((3,), len(ROWS))))  # as `recommend --history` calls them
    assert torch.equal(newcomers, stranger)


def test_encoding_the_graph_from_its_cells_equals_encoding_its_dense_rows():
    net = model()
    for matrix, encoded in zip((net.following, net.preceding), net.encoded_graph(), strict=True):
        dense = matrix.dense(torch.arange(10))[:, 1:]
        assert torch.allclose(encoded, net.encode(dense), atol=1e-6)


def test_the_encoded_graph_is_forgotten_when_the_weights_may_have_changed():
    net = model()
    before = net.scores(HISTORY, draw=StepDraw(0))
    net.encoder.weight.data += 1.0
    assert not torch.allclose(net.eval().scores(HISTORY, draw=StepDraw(0)), before)


def test_scores_against_the_published_sum_item_by_item():
    net, (owned, following) = model(weight_both=0.3, weight_item=0.1), counted([row[:-2] for row in ROWS], 10)
    scores = net.scores(HISTORY, draw=UserDraw(0, torch.arange(3)))

    def encoded(row: torch.Tensor) -> torch.Tensor:
        return (net.encoder.weight @ row[1:] + net.encoder.bias).clamp_min(0)

    for user in range(3):
        last, taste = encoded(following[HISTORY[user, -1]]), encoded(owned[user])
        for item in range(1, 10):
            both = sum(last * taste * encoded(following[:, item]))
            source = (net.source.weight[item - 1] @ last + net.source.bias[item - 1]).clamp_min(0)
            liked = torch.sigmoid(net.user.weight[item - 1] @ taste + net.user.bias[item - 1])
            assert torch.isclose(scores[user, item], 0.3 * both + 0.1 * source + 0.6 * liked, atol=1e-5)
    assert (scores[:, 0] < scores[:, 1:].amin(1)).all()


def test_the_losses_are_mean_squared_errors_over_all_cells():
    net, (owned, following) = model(), counted([row[:-2] for row in ROWS], 10)
    users, draw = torch.tensor([2, 0]), StepDraw(7)
    losses = net.losses(Batch(users, HISTORY[users], HISTORY[users], StepDraw(7)))
    for name, matrix, decoder, shape in (
        ("source", following, net.source, F.relu), ("target", following.T, net.target, F.relu),
    ):  # fmt: skip
        rows = matrix[(draw.uniform(2) * 9).long() + 1, 1:]
        rebuilt = shape(decoder(F.relu(net.encoder(rows))))
        assert torch.isclose(losses[name], (rebuilt - rows).square().sum() / (2 * 9))
    rows = owned[users, 1:]
    rebuilt = torch.sigmoid(net.user(F.relu(net.encoder(rows))))
    assert torch.isclose(losses["user"], (rebuilt - rows).square().sum() / (2 * 9))


def test_a_step_through_the_nonzero_cells_has_the_gradients_of_dense_rows():
    def gradients(net: AutoSeqRec, losses: dict[str, torch.Tensor]) -> list[torch.Tensor]:
        return list(torch.autograd.grad(torch.stack(list(losses.values())).sum(), list(net.parameters())))

    net, users, draw = model(), torch.tensor([2, 0, 2]), StepDraw(7)
    found = gradients(net, net.losses(Batch(users, HISTORY[users], HISTORY[users], StepDraw(7))))
    before, after = ((draw.uniform(3) * 9).long() + 1 for _ in range(2))
    dense = {}
    for name, matrix, rows in (("source", net.following, before), ("target", net.preceding, after),
                               ("user", net.owned, users)):  # fmt: skip
        cells = matrix.dense(rows)[:, 1:]
        dense[name] = F.mse_loss(getattr(net, f"rebuild_{name}")(net.encode(cells)), cells)
    for one, other in zip(found, gradients(net, dense), strict=True):
        assert other.any() and torch.allclose(one, other, atol=1e-7)


def test_every_part_learns_at_its_published_rate():
    net, stage = model(), Stage(learning_rate=1e-3, warmup_steps=2)
    optimizer = make_optimizer(net, Training(), stage)
    rates = {}
    for step, share in ((0, 0.5), (5, 1.0)):
        set_learning_rate(optimizer, stage, 0, step)
        for group in optimizer.param_groups:
            rates |= {id(parameter): group["lr"] / share for parameter in group["params"]}
        expected = {"encoder": 1e-5, "source": 1e-2, "target": 1e-5, "user": 1e-3}
        for name, parameter in net.named_parameters():
            assert rates[id(parameter)] == pytest.approx(expected[name.split(".")[0]])


def test_a_matrix_of_the_size_of_steam_is_fitted_and_scored_without_a_dense_one():
    """281,428 users by 13,044 items would be 14.7 GB; buffers grow with the actions instead."""
    random, users, items = np.random.default_rng(0), 20_000, 13_044
    sequences = from_rows([random.integers(1, items + 1, 12).tolist() for _ in range(users - 1)] + [[items] * 3])
    net = AutoSeqRec(AutoSeqRec.Config(width=4), items)
    net.fit(sequences, leave_one_out(sequences))
    assert sum(buffer.numel() for buffer in net.buffers()) < 8 * sequences.num_actions
    assert net.eval().scores(HISTORY, draw=UserDraw(0, torch.arange(3))).isfinite().all()


def test_outputs_on_fixed_weights_belong_to_this_version():
    assert AutoSeqRec.version == 1, "the mathematics changed: take the new numbers too"
    assert fingerprint(model(), HISTORY) == pytest.approx([-1.0, 0.44727, 0.35371, -1.04280], abs=1e-4)
