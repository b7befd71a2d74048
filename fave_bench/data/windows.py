"""The one place that decides how a history lies in a fixed window: left-padded with 0, newest item last."""

import torch
from torch import Tensor


def windows(items: Tensor, start: Tensor, stop: Tensor, length: int) -> Tensor:
    """The last `length` of ``items[start:stop]`` for each row, left-padded with 0.

    `items` is flat (A,), `start` and `stop` are (B,); the result is (B, length) int64 on the same device.
    Pure index arithmetic: no loop, no host synchronisation.
    """
    position = stop[:, None] - torch.arange(length, 0, -1, device=items.device)
    inside = position >= start[:, None]
    return torch.where(inside, items[position.clamp_min(0)], 0).long()


def valid(history: Tensor) -> Tensor:
    """(B, L) bool: which slots hold an item."""
    return history != 0


def lengths(history: Tensor) -> Tensor:
    """(B,) int64: how many items each window holds."""
    return valid(history).sum(1)


def item_slot(history: Tensor, k: Tensor) -> Tensor:
    """(B,) slot of the k-th oldest visible item, k in [0, length): left padding shifts it by L - length."""
    return history.shape[1] - lengths(history) + k


def right_padded(history: Tensor) -> Tensor:
    """(B, L) -> (B, L): the same items from slot 0 on and the padding after them, as some public code has it."""
    length = history.shape[1]
    slot = torch.arange(length, device=history.device) + length - lengths(history)[:, None]
    return history.gather(1, slot % length)
