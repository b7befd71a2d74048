"""An optimised call answers what an eager call answers, and padding that may be dropped changes nothing."""

from itertools import pairwise

import pytest
import torch
from nightly import NIGHTLY
from small_models import GENERATIVE, PADDING_FREE, SEQUENCES, SPLIT, histories, small
from torch import Tensor

from fave_bench.efficiency import optimised
from fave_bench.efficiency.compiled import Compiled
from fave_bench.efficiency.environment import compiler_missing
from fave_bench.efficiency.optimised import FEW_USERS, Optimised
from fave_bench.efficiency.serving import Serving
from fave_bench.evaluation.ranks import rank_phase
from fave_bench.models import registry
from fave_bench.models.contract import Batch, GenerativeRecommender, Recommender
from fave_bench.randomness import StepDraw, UserDraw

CLASSICS = ["sasrec", "gru4rec"]
needs_compiler = pytest.mark.skipif(compiler_missing(), reason="needs a C++ compiler")
slow = pytest.mark.skipif(not NIGHTLY, reason="compiles every model; set FAVE_BENCH_SLOW_TESTS=1")
USERS = torch.tensor([3, 0, 7])
HISTORY = histories(2, 5, 3)


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimised, "compiler_missing", lambda: True)


@pytest.fixture
def compiled_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is faster, the compiled request is kept: it is the first of equals."""
    monkeypatch.setattr(optimised, "_shortest", lambda *_: 0.0)


def cases(model: Recommender) -> list[int | None]:
    return [None, 1, 4] if isinstance(model, GenerativeRecommender) else [None]


def answers_agree(model: Recommender, steps: int | None) -> None:
    eager, fast = Serving(model, steps=steps, seed=5), Optimised(model, steps=steps, seed=5)
    for history, users in ((HISTORY, USERS), (HISTORY[1:2], USERS[1:2]), (histories(12), USERS[:1])):
        assert torch.equal(fast.best(history, users), eager.best(history, users))


@pytest.mark.parametrize("config", [{}, PADDING_FREE], ids=["as it is", "padding free"])
@pytest.mark.parametrize("name", GENERATIVE + CLASSICS)
def test_without_a_compiler_answers_are_the_eager_ones(
    name: str, config: dict[str, object], no_compiler: None, capsys: pytest.CaptureFixture[str]
) -> None:
    model = small(name, **config)
    for steps in cases(model):
        answers_agree(model, steps)
    assert "this machine has no C++ compiler" in capsys.readouterr().err


@slow
@needs_compiler
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", GENERATIVE + CLASSICS)
def test_compiled_answers_are_the_eager_ones(
    name: str, compiled_wins: None, capsys: pytest.CaptureFixture[str]
) -> None:
    model = small(name, **PADDING_FREE)
    for steps in cases(model):
        answers_agree(model, steps)
    assert not capsys.readouterr().err


@needs_compiler
def test_a_compiled_request_draws_and_scores_as_an_eager_one() -> None:
    model = small("fave", blocks=1)

    def scores(history: Tensor, users: Tensor) -> Tensor:
        return model.scores(history, draw=UserDraw(5, users))

    with torch.inference_mode():
        scores(HISTORY, USERS)
        compiled = Compiled(model, scores)
        for users in (USERS, USERS + 11):
            assert torch.allclose(compiled(HISTORY, users), scores(HISTORY, users), atol=1e-4, rtol=0)
        assert not torch.allclose(compiled(HISTORY, USERS), compiled(HISTORY, USERS + 11), atol=1e-4)
        part = torch.cat((HISTORY, HISTORY), 1)[:, 12:]  # with other strides in memory
        assert torch.equal(compiled(part, USERS), compiled(HISTORY, USERS))
    assert len(compiled.by_shapes) == 1


@slow
@needs_compiler
def test_many_steps_share_one_compiled_step(compiled_wins: None) -> None:
    answers_agree(small("diffurec"), 21)


@pytest.mark.parametrize("compiled_ms", [1.0, 3.0])
def test_the_faster_request_is_kept(compiled_ms: float, monkeypatch: pytest.MonkeyPatch) -> None:
    fast, compiled = Optimised(small("sasrec")), lambda history, users: HISTORY[:, :1]
    monkeypatch.setattr(fast, "_compiled", lambda *_: compiled)
    monkeypatch.setattr(optimised, "_shortest", lambda each, *_: compiled_ms if each is compiled else 2.0)
    kept = fast._answer_for(HISTORY[:1], USERS[:1])
    assert (kept is compiled) == (compiled_ms < 2.0)


def test_large_batches_stay_eager(no_compiler: None, capsys: pytest.CaptureFixture[str]) -> None:
    count = FEW_USERS + 1
    model = small("fave", **PADDING_FREE)
    history, users = histories(*range(1, count + 1)), torch.arange(count)
    assert torch.equal(Optimised(model).best(history, users), Serving(model).best(history, users))
    assert not capsys.readouterr().err


def test_a_model_without_a_sampler_has_no_steps() -> None:
    with pytest.raises(TypeError, match="SASRec has no sampler to take 1 steps with"):
        Serving(small("sasrec"), steps=1)


ANCHORED_IN_PADDING = {"anchor": "left_index_bug", "s2_param": "velocity_add_x0"}
CONFIGS = [*((name, {}) for name in registry.names()), ("fave", ANCHORED_IN_PADDING)]


@pytest.mark.parametrize(("name", "change"), CONFIGS)
def test_padding_free_models_score_alike_without_leading_padding(name: str, change: dict[str, str]) -> None:
    model = small(name, **PADDING_FREE | change)
    if not model.padding_free:
        pytest.skip("does not declare it")
    history, users = histories(2, 5, 3), torch.tensor([3, 0, 7])
    with torch.no_grad():
        whole, cut = (model.scores(h, draw=UserDraw(5, users)) for h in (history, history[:, -5:]))
    assert torch.allclose(whole, cut, atol=1e-5)


@pytest.mark.parametrize("source_loss", ["full_norm", "balanced_prefix"])
@pytest.mark.parametrize("name", registry.names())
def test_padding_free_models_lose_alike_without_leading_padding(name: str, source_loss: str) -> None:
    model = small(name, **PADDING_FREE | {"source_loss": source_loss}).train()
    if not model.padding_free or model.samples == "none":
        pytest.skip("does not declare it, or has no losses")
    found = []
    for length in (12, 5):
        history, users = histories(2, 5, 3)[:, -length:], torch.tensor([3, 0, 7])
        target, slots = torch.tensor([4, 9, 1]), None
        if model.samples == "sequence":
            target = torch.cat((history[:, 1:], target[:, None]), 1) * (history > 0)
            slots = (history > 0).flatten().nonzero().squeeze(1)
        torch.manual_seed(0)
        found.append(model.losses(Batch(users, history, target, StepDraw(2), slots)))
    for whole, cut in zip(found[0].items(), found[1].items(), strict=True):
        assert whole[0] == cut[0] and torch.allclose(whole[1], cut[1], atol=1e-5), whole[0]


@pytest.mark.parametrize("name", ["fave", "dreamrec", "gru4rec"])
def test_ranks_are_the_same_sorted_by_length_and_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, items = small(name, **PADDING_FREE), torch.as_tensor(SEQUENCES.items)
    assert model.padding_free

    def ranks() -> list[list[int]]:
        found = rank_phase(model, items, SPLIT.test, window=12, seed=0, tile=3, lists=4)
        return [found.higher["filtered"].tolist(), found.equal["released"].tolist(), found.lists.tolist()]

    widths: list[int] = []
    scores = type(model).scores
    monkeypatch.setattr(
        type(model), "scores", lambda self, history, **k: widths.append(history.shape[1]) or scores(self, history, **k)
    )
    by_length = ranks()
    assert all(a <= b for a, b in pairwise(widths)) and widths[0] < widths[-1] < 12
    monkeypatch.setattr(type(model), "padding_free", False)
    assert ranks() == by_length
    assert set(widths[len(widths) // 2 :]) == {12}
