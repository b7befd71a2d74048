"""Laws of STOSA: size, cost, the two mean streams, causality, padding, and a second formulation of it all."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_world import fingerprint, from_rows
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from baselines.stosa import STOSA
from fave_bench.data.splits import leave_one_out
from fave_bench.models.contract import Batch, parameter_count
from fave_bench.randomness import StepDraw

HISTORY = torch.tensor([[0, 0, 3, 7, 2], [5, 1, 4, 9, 8]])
TARGET = torch.tensor([[0, 0, 7, 2, 6], [1, 4, 9, 8, 3]])
NEGATIVE = torch.tensor([[9, 9, 1, 4, 5], [2, 6, 2, 7, 6]])
SLOTS = torch.nonzero(TARGET.flatten()).squeeze(1)


def model(**config) -> STOSA:
    torch.manual_seed(1)
    net = STOSA(STOSA.Config(**({"window": 5, "d": 8, "layers": 2, "heads": 2, "dropout": 0.0} | config)), 9)
    for parameter in net.parameters():  # away from the start, where every weight is nearly the same
        parameter.data += 0.3 * torch.randn_like(parameter)
    return net.eval()


def test_parameter_count_is_the_closed_form():
    """2 V d + 2 L d + 2 d + n (24 d² + 24 d). The public total, 841,391 on ML-100k, has 2 d + U numbers more, never
    used: a row for a mask item in both tables and a margin per user."""
    d, users = 128, 943
    total = 2 * 1683 * d + 2 * 50 * d + 2 * d + 24 * d**2 + 24 * d
    assert parameter_count(STOSA(STOSA.Config(), 1682)) == total == 841_391 - 2 * d - users


def test_multiply_accumulates_of_a_layer_are_the_closed_form():
    """24 d² L + 4 L² d."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(layers=1, mean_stream="fixed").states(HISTORY[:1])
    assert counter.get_total_flops() / 2 == 24 * 8**2 * 5 + 4 * 5**2 * 8


def test_the_public_mean_stream_returns_its_input_and_the_fixed_one_does_not():
    for stream, same in (("public", True), ("fixed", False)):
        net = model(mean_stream=stream)
        assert torch.equal(net.states(HISTORY)[0], net.embed(HISTORY)[0]) == same


def test_the_public_last_mean_knows_the_last_item_alone_and_its_covariance_the_history():
    net, changed = model(), HISTORY.clone()
    changed[:, 2] = 6
    (mean, cov), (mean_after, cov_after) = (net.states(h, last_only=True) for h in (HISTORY, changed))
    assert torch.equal(mean, mean_after)
    assert not torch.allclose(cov, cov_after, atol=1e-4)


@pytest.mark.parametrize("stream", ["public", "fixed"])
def test_only_the_fixed_mean_stream_trains_the_mean_s_weights(stream):
    net = model(mean_stream=stream)
    sum(net.ranking_losses(HISTORY, TARGET, NEGATIVE, SLOTS).values()).backward()
    lost = {name for name, weight in net.named_parameters() if weight.grad is None}
    parts = ("value", "out", "inner", "outer", "norm")
    dead = {f"layers.{i}.mean.{part}.{leaf}" for i in range(2) for part in parts for leaf in ("weight", "bias")}
    assert lost == (dead if stream == "public" else set())


@pytest.mark.parametrize("stream", ["public", "fixed"])
def test_a_later_item_never_changes_an_earlier_state(stream):
    net, changed = model(mean_stream=stream), HISTORY.clone()
    changed[:, 3] = 6
    real = HISTORY[:, :3] != 0  # a slot of padding sees nobody and so everybody, and nobody sees it
    for before, after in zip(net.states(HISTORY), net.states(changed), strict=True):
        assert torch.equal(before[:, :3][real], after[:, :3][real])
        assert not torch.allclose(before[:, 3], after[:, 3])


def test_padding_takes_no_part():
    net = model(mean_stream="fixed")
    before = [stream[0, 2:].clone() for stream in net.states(HISTORY)]
    with torch.no_grad():
        for table in (net.item_mean, net.item_cov):
            table.weight[0] = torch.arange(8.0)
        for table in (net.position_mean, net.position_cov):
            table.weight[:2] = torch.arange(8.0)
    for ours, after in zip(before, net.states(HISTORY), strict=True):
        assert torch.equal(ours, after[0, 2:])


@pytest.mark.parametrize("stream", ["public", "fixed"])
def test_the_last_slot_alone_equals_the_last_of_all(stream):
    net = model(mean_stream=stream)
    for one, all_slots in zip(net.states(HISTORY, last_only=True), net.states(HISTORY), strict=True):
        assert torch.allclose(one[:, 0], all_slots[:, -1], atol=1e-6)


def wasserstein(mean: Tensor, cov: Tensor, other_mean: Tensor, other_cov: Tensor) -> Tensor:
    """‖μ_a - μ_b‖² + tr(Σ_a + Σ_b - 2 (Σ_a Σ_b)^½) for diagonal covariances."""
    return ((mean - other_mean) ** 2).sum() + (cov + other_cov - 2 * (cov * other_cov).sqrt()).sum()


def item(net: STOSA, index: int) -> tuple[Tensor, Tensor]:
    return net.item_mean.weight[index], F.elu(net.item_cov.weight[index]) + 1


def test_scores_are_minus_the_wasserstein_distance_and_finite():
    net = model(mean_stream="fixed")
    scores = net.scores(HISTORY, draw=StepDraw(0))
    mean, cov = net.states(HISTORY)
    for row in range(2):
        for index in range(10):
            expected = -wasserstein(mean[row, -1], cov[row, -1], *item(net, index))
            assert torch.isclose(scores[row, index], expected, atol=1e-4)
    with torch.no_grad():
        net.item_cov.weight[:] = -200.0  # variances that underflow to 0
    assert net.scores(HISTORY, draw=StepDraw(0)).isfinite().all()


@pytest.mark.parametrize("stream", ["public", "fixed"])
def test_states_against_an_independent_formulation(stream):
    """The published layer written per slot, from the equations, without masks or batches."""
    net = model(mean_stream=stream)
    for row in HISTORY.tolist():
        first = row.count(0)
        mean = [F.elu(net.norm(net.item_mean.weight[row[n]] + net.position_mean.weight[n])) for n in range(first, 5)]
        cov = [F.elu(net.norm(net.item_cov.weight[row[n]] + net.position_cov.weight[n])) + 1 for n in range(first, 5)]
        for layer in net.layers:
            new = [slot(layer, mean, cov, n) for n in range(len(mean))]
            cov = [c for _, c in new]
            if stream == "fixed":
                mean = [m for m, _ in new]
        ours = net.states(torch.tensor([row]))
        assert torch.allclose(ours[0][0, first:], torch.stack(mean), atol=1e-5)
        assert torch.allclose(ours[1][0, first:], torch.stack(cov), atol=1e-5)


def slot(layer, mean: list[Tensor], cov: list[Tensor], n: int) -> tuple[Tensor, Tensor]:
    def up(x: Tensor) -> Tensor:
        return F.elu(x) + 1

    contexts: tuple[list[Tensor], list[Tensor]] = [], []
    for part in (slice(0, 4), slice(4, 8)):
        q = layer.mean.query(mean[n])[part], up(layer.cov.query(cov[n]))[part]
        keys = [(layer.mean.key(mean[m])[part], up(layer.cov.key(cov[m]))[part]) for m in range(n + 1)]
        weight = torch.stack([-wasserstein(*q, *key) / math.sqrt(4) for key in keys]).softmax(0)
        contexts[0].append(sum(weight[m] * layer.mean.value(mean[m])[part] for m in range(n + 1)))
        contexts[1].append(sum(weight[m] ** 2 * up(layer.cov.value(cov[m]))[part] for m in range(n + 1)))
    done = []
    for stream, x, context in ((layer.mean, mean[n], contexts[0]), (layer.cov, cov[n], contexts[1])):
        x = layer.norm(x + stream.out(torch.cat(context)))
        done.append(stream.norm(x + stream.outer(F.elu(stream.inner(x)))))
    return done[0], up(done[1])


def test_losses_against_a_plain_loop():
    net, bpr, margin = model(margin_weight=0.5, mean_stream="fixed"), [], []
    mean, cov = net.states(HISTORY)
    for row, place in torch.nonzero(TARGET).tolist():
        state = mean[row, place], cov[row, place]
        wanted, other = item(net, TARGET[row, place]), item(net, NEGATIVE[row, place])
        near, far = wasserstein(*state, *wanted), wasserstein(*state, *other)
        bpr.append(-torch.log(torch.sigmoid(far - near)))
        margin.append(0.5 * (near - wasserstein(*wanted, *other)).clamp_min(0))
    losses = net.ranking_losses(HISTORY, TARGET, NEGATIVE, SLOTS)
    assert torch.isclose(losses["bpr"], torch.stack(bpr).mean(), atol=1e-4)
    assert torch.isclose(losses["margin"], torch.stack(margin).mean(), atol=1e-4)


def test_public_negatives_avoid_held_out_items_and_train_ones_may_not():
    sequences = from_rows([[1, 2, 3, 4, 5], [1, 6, 7, 8, 9]])
    drawn = {}
    for kind in ("all", "train"):
        net = model(negatives=kind)
        net.fit(sequences, leave_one_out(sequences))
        drawn[kind] = set(net.unseen.draw(torch.tensor([0]), 300, StepDraw(0))[0].tolist())
    assert drawn == {"all": {6, 7, 8, 9}, "train": {4, 5, 6, 7, 8, 9}}


def test_training_uses_the_losses_of_drawn_negatives():
    sequences, net = from_rows([[3, 7, 2, 6, 1, 4], [5, 1, 4, 9, 8, 3]]), model()
    net.fit(sequences, leave_one_out(sequences))
    batch = Batch(torch.arange(2), HISTORY, TARGET, StepDraw(4), SLOTS)
    negative = net.unseen.draw(torch.arange(2), 5, StepDraw(4))
    assert net.losses(batch) == net.ranking_losses(HISTORY, TARGET, negative, SLOTS)
    assert not np.isin(negative[0].numpy(), sequences.items[:6]).any()


def test_outputs_on_fixed_weights_belong_to_this_version():
    assert STOSA.version == 1, "the mathematics changed: take the new numbers too"
    assert fingerprint(model(), HISTORY) == pytest.approx([-1.66966, -3.67899, -4.96298, -6.80972], abs=1e-4)
