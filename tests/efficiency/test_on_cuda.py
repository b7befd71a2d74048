"""On a CUDA device: scores and ranks of the CPU, recorded graphs that answer as eager calls do, and whole runs.

Skipped where there is no such device.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import actions_csv, ending
from small_models import GENERATIVE, PADDING_FREE, SEQUENCES, SPLIT, histories, samples_of, small

from fave_bench import run
from fave_bench.efficiency.optimised import Optimised
from fave_bench.efficiency.serving import Serving
from fave_bench.evaluation.ranks import rank_phase
from fave_bench.models import registry
from fave_bench.randomness import UserDraw
from fave_bench.records import Record, Store
from fave_bench.training.compiling import CompiledStep
from fave_bench.training.config import Stage, Training
from fave_bench.training.optimizer import make_optimizer, set_learning_rate
from fave_bench.training.recorded import RecordedStep, make_step
from fave_bench.training.step import train_step

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
HISTORY, USERS = histories(2, 5, 3, 12), torch.tensor([3, 0, 7, 11])


@pytest.mark.parametrize("name", registry.names())
def test_scores_are_those_of_the_cpu(name: str) -> None:
    model = small(name)
    with torch.no_grad():
        expected = model.scores(HISTORY, draw=UserDraw(5, USERS))
        found = model.cuda().scores(HISTORY.cuda(), draw=UserDraw(5, USERS.cuda()))
    assert torch.allclose(found.cpu(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["fave", "sasrec", "itemknn"])
def test_ranks_are_those_of_the_cpu_but_for_a_rounding(name: str) -> None:
    items, model = torch.as_tensor(SEQUENCES.items), small(name)
    expected, found = (
        rank_phase(model.to(device), items.to(device), SPLIT.test, window=12, seed=0) for device in ("cpu", "cuda")
    )
    for protocol, higher in expected.higher.items():
        assert np.mean(higher != found.higher[protocol]) <= 0.1  # of 20 users


@pytest.mark.parametrize("name", [*GENERATIVE, "sasrec", "gru4rec"])
def test_a_recorded_graph_answers_as_eager_calls_do(name: str) -> None:
    model = small(name, **PADDING_FREE).cuda()
    eager, recorded = Serving(model), Optimised(model)
    for rows in (1, 3, 1):
        history, users = HISTORY[:rows].cuda(), USERS[:rows].cuda()
        with torch.no_grad():
            scores = model.scores(history, draw=UserDraw(0, users))
        lists = [scores.gather(1, one.best(history, users)) for one in (eager, recorded)]
        assert torch.allclose(*lists, rtol=1e-4, atol=1e-4)  # equal scores may trade places


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@pytest.mark.parametrize("name", [name for name in registry.names() if registry.load(name).samples != "none"])
def test_a_training_step_never_waits_for_the_device(name: str) -> None:
    model = small(name).cuda().train()
    samples = samples_of(model, "cuda")
    optimizer = make_optimizer(model, Training(), Stage())
    for debugging in ("default", "error"):  # a first step, which may have to settle something
        batch = samples.batch(torch.arange(16), seed=3)
        torch.cuda.set_sync_debug_mode(debugging)
        try:
            train_step(model, batch, Stage(clip_norm=1.0), optimizer)
        finally:
            torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("settings", [{}, {"key_mask": "on"}], ids=["padded", "padding-free"])
@pytest.mark.parametrize(
    ("name", "stage"), [("fave", "pretrain"), ("fave", "finetune"), ("fmrec", "train"), ("diffurec", "train")]
)
def test_recorded_steps_are_those_of_the_trainer(name: str, stage: str, settings: dict[str, str]) -> None:
    """Loss by loss, with dropout and noise, at a changing rate, and around a smaller batch."""
    losses, weights = [], []
    for recording in (False, True):
        model = small(name, **settings).cuda().train()
        model.enter_stage(stage)
        assert model.recordable
        samples = samples_of(model, "cuda")
        optimizer, how = make_optimizer(model, Training(), Stage()), Stage(clip_norm=1.0)
        take = make_step(model, how, optimizer, CompiledStep(model, wanted=False), size=16, alone=recording)
        assert isinstance(take, RecordedStep) == recording
        found = []
        for number, rows in enumerate(torch.arange(16 * 6).split(16)):
            set_learning_rate(optimizer, Stage(decay_every=1), epoch=number // 5, step=number)
            rows = rows[: 9 if number == 4 else 16]
            found.append(take(samples.batch(rows, seed=number)))
        losses.append([{term: value.item() for term, value in terms.items()} for terms in found])
        weights.append(torch.cat([weight.detach().flatten() for weight in model.parameters()]))
    for plain, recorded in zip(*losses, strict=True):
        assert recorded == pytest.approx(plain, rel=1e-3)
    same = (weights[0] - weights[1]).abs() < 1e-5
    assert same.float().mean() > 0.95  # Adam makes a step of a rounding, here and there


def trained(folder: Path, *options: str) -> Record:
    """A short run on a small file of one's own."""
    csv = actions_csv(folder / "mine.csv")
    where = ["--dataset", "mine", "--from", str(csv), "--results", str(folder / "results"), "--device", "cuda"]
    assert ending(run.main, [*where, "--epochs", "2", "--set", "model.window=10", *options]) == 0
    (record,) = Store(folder / "results").records()
    return record


@pytest.mark.parametrize("name", registry.names())
def test_a_run_is_recorded_with_the_device_it_ran_on(name: str, tmp_path: Path) -> None:
    record = trained(tmp_path, "--model", name)
    assert record.environment["device"] == torch.cuda.get_device_name()
    assert record.environment["device_type"] == "cuda"


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning", "ignore:The .grad attribute")  # the compiler's own
@pytest.mark.parametrize("options", [["--precision", "bf16"], ["--precision", "tf32"], ["--compile"]])
def test_fave_trains_in_other_precisions_and_compiled(options: list[str], tmp_path: Path) -> None:
    record = trained(tmp_path, "--model", "fave", *options)
    assert {look.stage for look in record.training.curve} == {"pretrain", "finetune"}


def test_ranking_goes_on_in_smaller_parts_where_memory_ends() -> None:
    model, items = small("sasrec").cuda(), torch.as_tensor(SEQUENCES.items).cuda()
    expected = rank_phase(model, items, SPLIT.test, window=12, seed=0)
    calls = 0

    def scarce(*arguments: torch.Tensor, **options: object) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if len(arguments[0]) > 4:
            torch.empty(1 << 50, device="cuda")  # more than any device has
        return type(model).user_vectors(model, *arguments, **options)  # type: ignore[arg-type]

    model.user_vectors = scarce  # type: ignore[method-assign]
    found = rank_phase(model, items, SPLIT.test, window=12, seed=0)
    assert calls > len(SPLIT.test.users) / 4
    for protocol, higher in expected.higher.items():
        assert np.array_equal(higher, found.higher[protocol])
