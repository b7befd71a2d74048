"""A lock keeps others out while its holder lives, and no longer."""

import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from processes import ended, start

from fave_bench.locking import Busy, alone


def never() -> bool:
    return False


def always() -> bool:
    return True


def hold(lock: Path, seconds: float) -> None:
    with alone(lock, never):
        (lock.parent / "held").touch()
        time.sleep(seconds)


def work_and_count(lock: Path, turns: int) -> None:
    """A counter that two holders at a time would spoil."""
    for _ in range(turns):
        with alone(lock, never):
            counter = lock.with_name("counter")
            value = int(counter.read_text())
            time.sleep(0.001)
            counter.write_text(str(value + 1))


def test_one_at_a_time_and_nothing_is_left(tmp_path: Path) -> None:
    lock = tmp_path / "work" / "lock"
    with alone(lock, always):
        with pytest.raises(Busy, match="another process is at it"), alone(lock, always):
            pass
        assert lock.exists(), "who did not get it does not remove it"
    assert list(tmp_path.iterdir()) == []
    with alone(lock, always):
        pass


def test_the_folder_stays_where_something_else_is_in_it(tmp_path: Path) -> None:
    lock = tmp_path / "work" / "lock"
    with alone(lock, always):
        (lock.parent / "checkpoint.pt").touch()
    assert [path.name for path in lock.parent.iterdir()] == ["checkpoint.pt"]


def test_a_holder_that_removes_its_folder_does_not_remove_the_next_one_s_lock(tmp_path: Path) -> None:
    lock = tmp_path / "work" / "lock"
    with alone(lock, always):
        lock.unlink()
        with alone(lock, always):
            inode = lock.stat().st_ino
            with pytest.raises(Busy), alone(lock, always):
                pass
            assert lock.stat().st_ino == inode


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "work" / "lock"
    holder = start(hold, lock, 60.0)
    while not (lock.parent / "held").exists():
        time.sleep(0.01)
    with pytest.raises(Busy), alone(lock, always):
        pass
    holder.kill()
    assert ended(holder) == -9 and lock.exists()
    with alone(lock, always):
        pass


def test_waiting_ends_when_the_lock_is_free(tmp_path: Path) -> None:
    held, free = threading.Event(), threading.Event()

    def holder() -> None:
        with alone(tmp_path / "lock", never):
            held.set()
            free.wait(10)

    thread = threading.Thread(target=holder)
    thread.start()
    held.wait(10)
    asked = Counter[str]()

    def give_up() -> bool:
        asked["times"] += 1
        free.set()
        return False

    with alone(tmp_path / "lock", give_up):
        assert asked["times"] >= 1
    thread.join()


def test_many_processes_are_never_in_it_together(tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0")
    workers = [start(work_and_count, tmp_path / "lock", 20) for _ in range(4)]
    assert [ended(worker) for worker in workers] == [0] * 4
    assert (tmp_path / "counter").read_text() == "80"
    assert [path.name for path in tmp_path.iterdir()] == ["counter"]
