"""A user's random numbers belong to the user: not to the batch, its order or its size."""

import pytest
import torch

from fave_bench.randomness import StepDraw, UserDraw, seed_of


def rows(users: list[int], *, seed: int = 0, calls: int = 1) -> dict[int, torch.Tensor]:
    draw = UserDraw(seed, torch.tensor(users))
    for _ in range(calls):
        values = draw.normal(len(users), 3, 4)
    return dict(zip(users, values, strict=True))


def test_a_users_rows_do_not_depend_on_who_shares_the_batch():
    together, reordered, alone = rows([5, 9, 1]), rows([1, 5, 9]), rows([9])
    assert all(torch.equal(together[u], reordered[u]) for u in (1, 5, 9))
    assert torch.equal(together[9], alone[9])


def test_seeds_calls_users_and_laws_differ():
    base = rows([7])[7]
    assert not torch.equal(base, rows([7], seed=1)[7])
    assert not torch.equal(base, rows([7], calls=2)[7])
    assert not torch.equal(base, rows([8])[8])
    assert not torch.equal(base, UserDraw(0, torch.tensor([7])).uniform(1, 3, 4)[0])


def test_user_rows_follow_their_laws():
    draw = UserDraw(0, torch.arange(2000))
    normal, uniform = draw.normal(2000, 50), draw.uniform(2000, 50)
    assert abs(normal.mean()) < 0.02 and abs(normal.std() - 1) < 0.02
    assert abs(uniform.mean() - 0.5) < 0.01 and uniform.min() >= 0 and uniform.max() < 1
    first = draw.uniform(2000)  # one number a user: windows must not repeat across users
    assert len(first.unique()) > 1990
    assert abs(torch.corrcoef(torch.stack([normal[:-1, 0], normal[1:, 0]]))[0, 1]) < 0.1


def test_offsets_spread_evenly_over_the_bank():
    first = UserDraw(3, torch.arange(50_000)).uniform(50_000)
    counts = torch.histc(first, bins=20, min=0, max=1)
    assert (counts - 2500).abs().max() < 250


def test_a_draw_refuses_rows_of_other_users():
    with pytest.raises(ValueError, match="2 users was asked for 3 rows"):
        UserDraw(0, torch.arange(2)).normal(3, 4)


def test_step_draws_repeat_for_the_same_seed():
    assert torch.equal(StepDraw(4).normal(5, 2), StepDraw(4).normal(5, 2))
    assert not torch.equal(StepDraw(4).normal(5, 2), StepDraw(5).normal(5, 2))


def test_seeds_tell_parts_apart():
    assert seed_of(1, 23) != seed_of(12, 3)
    assert 0 <= seed_of("x") < 2**63
