"""Time of a call on a device, many times over."""

import time
from collections.abc import Callable
from typing import TypeVar

import torch

CALLS = 30
"""Fewest timed calls behind a number (evaluation.md, Latency)."""
WARM_UP = 5
"""Calls before the first that counts: allocators, caches, kernels chosen on first use."""
Input = TypeVar("Input")
Output = TypeVar("Output")


def milliseconds(
    call: Callable[[Input], object], inputs: Callable[[int], Input], device: torch.device, seconds: float
) -> list[float]:
    """Every timed call, at least 30 and at least so many seconds; ``inputs(i)`` is made before the clock starts."""
    for i in range(WARM_UP):
        call(inputs(i))
    raw: list[float] = []
    while len(raw) < CALLS or sum(raw) < 1000 * seconds:
        raw.append(once(call, inputs(WARM_UP + len(raw)), device)[0])
    return raw


def once(call: Callable[[Input], Output], given: Input, device: torch.device) -> tuple[float, Output]:
    """Milliseconds of one call, between two events of the device's stream or by the host's clock; and its result."""
    synchronise(device)
    if device.type == "cuda":
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        result = call(given)
        end.record()
        end.synchronize()
        return start.elapsed_time(end), result
    started = time.perf_counter()
    result = call(given)
    return 1000 * (time.perf_counter() - started), result


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
