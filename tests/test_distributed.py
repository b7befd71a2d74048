"""What processes tell each other, and that they end together, whatever happens to one of them."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from processes import be, ended, free_port, start

from fave_bench.cli import entry
from fave_bench.distributed import ALONE, Lost, World, together
from fave_bench.efficiency.environment import resolve_device
from fave_bench.errors import BenchError, UsageError

CPU = torch.device("cpu")
THREE = range(3)


def talk(world: World) -> int:
    """Every way of talking once; the exit status is the process's number."""
    summed, copied = torch.arange(3) + world.rank, torch.full((2,), float(world.rank))
    world.add(summed)
    world.copy_main(copied)
    order = [world.rank]
    assert world.main_first(lambda: order.pop()) == world.rank
    assert summed.tolist() == [3, 6, 9] and copied.tolist() == [0, 0]
    assert world.meet(world.rank, -world.rank) == [2, 0] and world.meet() == []
    assert world.meet(123456.789) == [123456.789], "seconds of a long run are not rounded"
    said = world.from_main(lambda: {"rank": world.rank, "tensor": torch.ones(2), "nothing": None, "pair": (1, "π")})
    assert said["rank"] == 0 and said["tensor"].tolist() == [1, 1] and said["pair"] == (1, "π")
    return world.rank


def fail(place: str, error: Exception) -> Callable[[World], int]:
    """Work in which the second process fails at a place while the others go on."""

    def work(world: World) -> int:
        for here in ("first", "between"):
            if world.rank == 1 and place == here:
                raise error
            world.add(torch.ones(4))
        if world.rank == 1 and place == "last":
            raise error
        return 0

    return work


def die(world: World) -> int:
    if world.rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    world.add(torch.ones(4))
    return 0


WORK: dict[str, Callable[[World], int]] = {
    "talk": talk,
    "die": die,
    **{f"usage {place}": fail(place, UsageError("no such thing")) for place in ("first", "between", "last")},
    "defect": fail("between", TypeError("a defect")),
}


def one(work: str, rank: int, size: int, port: int, folder: Path) -> None:
    """One of the processes; leaves how it ended."""
    be(rank, size, port)
    try:
        how = {"code": together(WORK[work], CPU)}
    except Exception as error:
        how = {"error": type(error).__name__, "said": str(error), "code": getattr(error, "exit_code", None)}
        how["known"] = isinstance(error, BenchError)
    (folder / str(rank)).write_text(json.dumps(how))


def ends(work: str, folder: Path) -> list[dict]:
    """How each of three processes ends that do `work` together."""
    port = free_port()
    processes = [start(one, work, rank, len(THREE), port, folder) for rank in THREE]
    for process in processes:
        ended(process)
    return [json.loads((folder / str(rank)).read_text()) if (folder / str(rank)).exists() else {} for rank in THREE]


def test_all_hear_the_same_and_end_with_the_largest_status(tmp_path):
    assert ends("talk", tmp_path) == [{"code": 2}] * 3


@pytest.mark.parametrize("place", ["first", "between", "last"])
def test_where_one_fails_all_fail_with_its_sentence_and_status(tmp_path, place):
    found = ends(f"usage {place}", tmp_path)
    assert {(how["said"], how["code"]) for how in found} == {("no such thing", 2)}


def test_a_defect_in_one_is_a_sentence_in_the_others(tmp_path):
    first, second, third = ends("defect", tmp_path)
    assert (second["error"], second["known"]) == ("TypeError", False), "its traceback is its own"
    assert first == third
    assert (first["said"], first["code"], first["known"]) == ("TypeError: a defect", 1, True)


def test_a_process_that_is_killed_is_missed(tmp_path):
    first, second, third = ends("die", tmp_path)
    assert second == {}
    assert {first["error"], third["error"]} == {Lost.__name__}
    assert "gone without a word" in first["said"]


def test_one_process_alone_talks_to_nobody(monkeypatch):
    def never(*_, **__):
        raise AssertionError("a group of processes was made")

    monkeypatch.setattr(torch.distributed, "init_process_group", never)
    tensor = torch.ones(2)
    ALONE.add(tensor)
    ALONE.copy_main(tensor)
    assert tensor.tolist() == [1, 1] and ALONE.meet(3.0, 1.0) == [3.0, 1.0]
    assert ALONE.main_first(lambda: "made") == ALONE.from_main(lambda: "made") == "made"
    assert together(lambda world: 7 if world is ALONE else 0, CPU) == 7


@pytest.fixture
def second_of_two(monkeypatch):
    for name, value in {"RANK": 1, "WORLD_SIZE": 2, "LOCAL_RANK": 1, "LOCAL_WORLD_SIZE": 2}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")


@pytest.mark.parametrize(("gpus", "name", "device"), [
    (0, "auto", "cpu"), (1, "auto", "cpu"), (2, "auto", "cuda:1"), (4, "cuda", "cuda:1"), (2, "cpu", "cpu"),
])  # fmt: skip
def test_each_process_has_a_gpu_of_its_own_or_none_has(second_of_two, monkeypatch, gpus, name, device):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert str(resolve_device(name)) == device


def test_a_gpu_cannot_be_named_and_must_be_there(second_of_two, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UsageError, match="each process takes a GPU of its own"):
        resolve_device("cuda:0")
    with pytest.raises(BenchError, match="has 1 CUDA devices"):
        resolve_device("cuda")


@pytest.mark.parametrize("rank", [0, 1])
def test_other_verbs_refuse_torchrun_and_the_main_process_says_so(second_of_two, monkeypatch, capfd, rank):
    monkeypatch.setenv("RANK", str(rank))
    with pytest.raises(SystemExit) as status:
        entry(lambda _: 0)
    assert status.value.code == 2
    said = capfd.readouterr().err
    assert said.startswith("fave-bench: only the verb run shares its work") if rank == 0 else said == ""
