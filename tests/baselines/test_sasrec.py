"""Laws of SASRec: size, causality, padding, and a second formulation of both losses."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from baselines.sasrec import SASRec
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.models.contract import Batch, parameter_count
from fave_bench.randomness import StepDraw

HISTORY = torch.tensor([[0, 0, 3, 7, 2], [5, 1, 4, 9, 8]])
TARGET = torch.tensor([[0, 0, 7, 2, 6], [1, 4, 9, 8, 3]])


def model(**config) -> SASRec:
    torch.manual_seed(1)
    made = SASRec(SASRec.Config(**({"window": 5, "d": 16, "dropout": 0.0} | config)), 9)
    for parameter in made.parameters():  # away from the symmetric start: biases and norms too
        parameter.data += 0.1 * torch.randn_like(parameter)
    return made.eval()


def batch() -> Batch:
    slots = torch.nonzero(TARGET.flatten()).squeeze(1)
    return Batch(torch.arange(2), HISTORY, TARGET, StepDraw(0), slots)


def test_parameter_count_is_the_closed_form():
    """V d + L d + b (5 d² + 9 d) + 2 d: 388,224 on ML-100k at d = 128."""
    full = SASRec(SASRec.Config(window=50, d=128), 1682)
    assert parameter_count(full) == 1683 * 128 + 50 * 128 + 2 * (5 * 128**2 + 9 * 128) + 2 * 128 == 388_224


def test_a_later_item_never_changes_an_earlier_state():
    changed = HISTORY.clone()
    changed[:, 3] = 6
    before, after = model().states(HISTORY), model().states(changed)
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3:], after[:, 3:])


def test_padding_takes_no_part():
    net = model()
    before = net.states(HISTORY)[0, 2:]
    with torch.no_grad():
        net.items.weight[0] = 100.0
        net.positions[:2] = 100.0
    assert torch.equal(before, net.states(HISTORY)[0, 2:])


def test_the_last_slot_alone_equals_the_last_of_all():
    assert torch.allclose(model().states(HISTORY, last_only=True)[:, 0], model().states(HISTORY)[:, -1], atol=1e-6)
    vectors = model().user_vectors(HISTORY, draw=StepDraw(0))
    assert torch.allclose(vectors, model().states(HISTORY)[:, -1], atol=1e-6)


def test_full_cross_entropy_against_a_plain_loop():
    net = model(loss="ce")
    states, terms = net.states(HISTORY), []
    for row, slot in torch.nonzero(TARGET).tolist():
        logits = net.items.weight[1:] @ states[row, slot]
        terms.append(logits.logsumexp(0) - logits[TARGET[row, slot] - 1])
    assert torch.isclose(net.losses(batch())["ce"], torch.stack(terms).mean(), atol=1e-6)


def test_binary_cross_entropy_against_a_plain_loop_and_negatives_are_unseen():
    sequences = Sequences("toy", np.array([0, 6, 12]), np.array([3, 7, 2, 6, 1, 4, 5, 1, 4, 9, 8, 3], dtype=np.int32))
    net = model(loss="bce")
    net.fit(sequences, leave_one_out(sequences))
    negatives = net.unseen.draw(torch.arange(2), 5, StepDraw(0))
    states, terms = net.states(HISTORY), []
    for row, slot in torch.nonzero(TARGET).tolist():
        assert int(negatives[row, slot]) not in sequences.items[row * 6 : row * 6 + 4]
        positive, negative = (
            net.items.weight[i] @ states[row, slot] for i in (TARGET[row, slot], negatives[row, slot])
        )
        terms.append(-F.logsigmoid(positive) - torch.log(1 - torch.sigmoid(negative)))
    assert torch.isclose(net.losses(batch())["bce"], torch.stack(terms).mean(), atol=1e-5)


def test_states_against_an_independent_formulation():
    """The published block written per slot, from the equations, without masks or batches."""
    net = model(heads=2)
    for row in range(2):
        items = [i for i in HISTORY[row].tolist() if i]
        x = [net.items.weight[i] * 4.0 + net.positions[5 - len(items) + n] for n, i in enumerate(items)]
        for block in net.blocks:
            x = [_slot(block, x, n) for n in range(len(x))]
        expected = net.norm(torch.stack(x))
        assert torch.allclose(net.states(HISTORY)[row, 5 - len(items) :], expected, atol=1e-5)


def _slot(block, x, n):
    query_in = block.norm_query(x[n])
    query = block.query(query_in)
    keys, values = zip(*(block.key_value(x[m]).chunk(2) for m in range(n + 1)), strict=True)
    heads = []
    for head in range(2):
        part = slice(8 * head, 8 * head + 8)
        weight = torch.stack([query[part] @ key[part] / 8**0.5 for key in keys]).softmax(0)
        heads.append(sum(w * value[part] for w, value in zip(weight, values, strict=True)))
    inner = block.norm_forward(query_in + torch.cat(heads))
    return inner + block.outer(block.inner(inner).relu())


@pytest.mark.parametrize("loss", ["bce", "ce"])
def test_the_padding_vector_is_zero_and_stays_zero(loss):
    net = SASRec(SASRec.Config(window=5, d=16, loss=loss), 9)
    assert not net.items.weight[0].any()
    if loss == "ce":
        net.losses(batch())["ce"].backward()
        assert not net.items.weight.grad[0].any()
