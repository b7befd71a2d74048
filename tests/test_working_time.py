"""The clock of recorded times stands still while a process is held, and only then."""

import os
import signal
import sys
import time

import pytest

from fave_bench.interruption import Interruption
from fave_bench.working_time import WorkingTime, working_time


@pytest.fixture
def now(monkeypatch):
    """The time of day, to be set by hand."""
    hands = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: hands[0])
    return hands


def test_what_passed_since_the_last_reading_is_left_out(now):
    clock = WorkingTime()
    began = clock()
    now[0] = 110.0
    assert clock() - began == 10
    now[0] = 500.0  # held somewhere between
    clock.go_on()
    assert clock() - began == 10
    now[0] = 503.0
    clock.go_on()  # twice at once changes nothing more
    clock.go_on()
    now[0] = 507.0
    assert clock() - began == 14


def test_going_on_is_noticed_while_a_run_may_be_interrupted_and_not_after(now):
    began = working_time()
    with Interruption():
        now[0] = 200.0
        os.kill(os.getpid(), signal.SIGCONT)  # Python's handler has run when this returns
        assert working_time() == began
    assert signal.getsignal(signal.SIGCONT) is signal.SIG_DFL


def test_stopping_and_going_on_may_be_asked_at_once(monkeypatch):
    """As the command `timeout` does."""
    lost = []
    monkeypatch.setattr(sys, "unraisablehook", lost.append)
    both = {signal.SIGTERM, signal.SIGCONT}
    with Interruption() as interruption:
        signal.pthread_sigmask(signal.SIG_BLOCK, both)
        for number in both:
            os.kill(os.getpid(), number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, both)
        assert interruption.signal == signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, "a second one ends at once"
    assert lost == []
