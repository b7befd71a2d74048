"""Laws of FMRec and its switches."""

from typing import Any

import pytest
import torch
from flow_helpers import ITEMS, WIDTH, WINDOW, Given, histories, small, step_draw, targets, with_fixed_weights
from torch import Tensor

from baselines.fmrec import FMRec, FMRecConfig
from fave_bench.models.contract import Batch, parameter_count
from fave_bench.models.flow import euler_times, point, velocity
from fave_bench.randomness import UserDraw


def injected(count: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(7)
    return {
        "x0": torch.randn(count, WIDTH, generator=generator),
        "t": torch.rand(count, generator=generator),
        "noise": torch.randn(count, WINDOW, WIDTH, generator=generator),
    }


def test_parameter_totals_are_the_public_code_s() -> None:
    assert parameter_count(FMRec(FMRecConfig(), 1682)) == 5_811_091 == 2177 * 1683 + 2_147_200


def test_only_positions_and_unused_layers_get_no_gradient() -> None:
    model = small(FMRec).train()
    step = Batch(torch.arange(2), histories(3, 12), targets(2), step_draw())
    sum(model.losses(step).values()).backward()
    assert {name.split(".")[0] for name, p in model.named_parameters() if p.grad is None} == {"unused", "positions"}


def test_thirty_euler_steps_are_the_mean_of_thirty_predictions_whatever_the_start() -> None:
    model = small(FMRec, lambda_noise="zero")
    history = histories(3, 12)
    f, _ = model.network(model.embed(history), torch.zeros(2, WIDTH), torch.ones(2), mask=model.mask(history))
    for scale in (0.0, 3.0):
        path = model.trajectory(history, x0=scale * torch.ones(2, WIDTH), draw=step_draw())
        assert path.shape == (31, 2, WIDTH)
        assert torch.allclose(path[-1], f, atol=1e-5)


@pytest.mark.parametrize(("position", "ordered"), [("none", False), ("rope", True), ("learned", True)])
def test_fmrec_is_a_bag_before_the_last_item_unless_given_positions(position: str, ordered: bool) -> None:
    model = small(FMRec, position=position, lambda_noise="zero")
    history = histories(12)
    shuffled = torch.cat((history[:, :-1].flip(1), history[:, -1:]), 1)
    a, b = (model.user_vectors(h, draw=step_draw()) for h in (history, shuffled))
    assert ((a - b).abs().max() > 1e-3) == ordered
    swapped = torch.cat((history[:, -1:], history[:, 1:-1], history[:, :1]), 1)
    assert not torch.allclose(a, model.user_vectors(swapped, draw=step_draw()), atol=1e-3)


def test_padding_speaks_only_where_there_is_some_and_the_keys_are_open() -> None:
    history = histories(3, WINDOW - 1, WINDOW)

    def change(key_mask: str) -> Tensor:
        model = small(FMRec, key_mask=key_mask, lambda_noise="mean")
        before = model.user_vectors(history, draw=step_draw())
        with torch.no_grad():
            model.items.weight[0] += torch.randn(WIDTH)
        return (model.user_vectors(history, draw=step_draw()) - before).abs().amax(1)

    released = change("off")
    assert (released[:2] > 1e-3).all() and released[2] < 1e-6
    assert (change("on") < 1e-6).all()


@pytest.mark.parametrize("prediction", ["x1", "v"])
@pytest.mark.parametrize("path", ["linear", "cosine"])
def test_the_terms_are_their_equations(prediction: str, path: str) -> None:
    weights = {"alpha": 0.2, "beta": 0.4, "delta": 0.5}
    model = small(FMRec, **weights, source_loss="full_norm", prediction=prediction, path=path).double()
    history, target = histories(3, 12), targets(2)
    given = {name: value.double() for name, value in injected(2).items()}
    terms = model.flow_losses(history, target, draw=step_draw(), **given)
    x1, t = model.items(target), given["t"]
    x_t, v = point(given["x0"], x1, t, path), velocity(given["x0"], x1, t, path)
    f, h2 = model.network(model.embed(history), x_t, t, mask=model.mask(history), noise=given["noise"])
    hot = torch.zeros(2, ITEMS + 1).double()
    for row, items in enumerate(history):
        hot[row, items[items > 0]] = 1
    assert torch.allclose(terms["match"], ((f - (x1 if prediction == "x1" else v)) ** 2).mean())
    assert torch.allclose(terms["source"], 0.4 * ((model.decoder(h2) - hot) ** 2).sum() / 2)
    if prediction == "x1":
        log_probability = (f @ model.items.weight.T).log_softmax(1)
        assert torch.allclose(terms["target_ce"], -0.2 * log_probability[range(2), target].mean())


@pytest.mark.parametrize("path", ["linear", "cosine"])
def test_a_network_that_knows_the_answer_is_sampled_to_it(path: str) -> None:
    answer, x0 = torch.randn(2, 2, WIDTH)
    for prediction, field in (("x1", lambda t: answer), ("v", lambda t: velocity(x0, answer, t, path))):
        model = small(FMRec, prediction=prediction, path=path)
        times = iter(euler_times(1000, model.config.eps, torch.device("cpu")))
        model.encode = lambda e, x, *_, field=field, times=times: (field(next(times)[None]), x)
        end = model.trajectory(histories(3, 12), x0=x0, steps=1000, draw=step_draw())[-1]
        assert torch.allclose(end, answer, atol=5e-3)


def test_a_user_s_list_does_not_depend_on_who_shares_the_batch() -> None:
    model = small(FMRec)
    history, users = histories(3, 12, 7, 1), torch.tensor([5, 0, 3, 9])
    together = model.scores(history, draw=UserDraw(1, users))
    for row in range(4):
        alone = model.scores(history[[row]], draw=UserDraw(1, users[[row]]))
        assert torch.allclose(together[row], alone[0], atol=1e-4)


FINGERPRINTS: dict[int, dict[str, list[float]]] = {
    1: {
        "state": [0.48291, 2.63155, 2.56346, -0.36321, 1.07881, 1.57637],
        "losses": [3.63537, 4.15864, 0.07178],
    }
}
"""Version -> numbers on fixed weights. Changed mathematics: raise `FMRec.version` and add its numbers."""


def test_the_version_names_the_mathematics() -> None:
    history, target, given = histories(3, 12), targets(2), injected(2)
    model: Any = with_fixed_weights(small(FMRec, lambda_noise="mean", delta=0.1))
    half = Given(torch.full((2, WINDOW, 2), 0.5))
    found = {
        "state": model.trajectory(history, x0=given["x0"], draw=step_draw())[-1, :, :3].flatten().tolist(),
        "losses": [value.item() for value in model.flow_losses(history, target, draw=half, **given).values()],
    }
    assert FMRec.version in FINGERPRINTS, f"no fingerprint of version {FMRec.version}; it is {found}"
    for name, numbers in FINGERPRINTS[FMRec.version].items():
        assert found[name] == pytest.approx(numbers, abs=2e-4), name
