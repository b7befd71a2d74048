"""Explicit randomness: every number is a function of a seed and of what it is for.

Training draws from a generator seeded by (seed, epoch, step). Evaluation keys each user's numbers by (seed, user),
never by the place in a batch, so a user's list does not depend on who shares the batch.
"""

import hashlib
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor

from fave_bench.shares import drawn

BANK_SIZE = 1 << 22
"""Length of the shared noise bank; a user's row is a window of it at a hashed offset."""


def seed_of(*parts: int | str) -> int:
    """A 63-bit seed from any mix of numbers and words; different parts give unrelated seeds."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


class Draw(Protocol):
    """A source of random rows, one per user of the batch: ``shape[0]`` is the batch size."""

    seed: int

    def normal(self, *shape: int) -> Tensor:
        """N(0, 1) numbers of `shape`, float32."""

    def uniform(self, *shape: int) -> Tensor:
        """U[0, 1) numbers of `shape`, float32."""


class StepDraw:
    """Training randomness: a generator on the device, a function of (seed, stage, epoch, step).

    Of a batch that processes share, the rows of those samples that are worked on here; see `shares`.
    """

    def __init__(self, seed: int, device: torch.device | str = "cpu") -> None:
        self.seed = seed
        self.device = torch.device(device)
        self.generator = torch.Generator(self.device).manual_seed(seed)

    def normal(self, *shape: int) -> Tensor:
        return drawn(lambda rows: torch.randn(rows, generator=self.generator, device=self.device), shape)

    def uniform(self, *shape: int) -> Tensor:
        return drawn(lambda rows: torch.rand(rows, generator=self.generator, device=self.device), shape)


class UserDraw:
    """Evaluation randomness: row i belongs to ``users[i]`` and to no other circumstance.

    Rows are windows of one bank of independent numbers at offsets hashed from (seed, user, call), so a user's row
    is an ordinary sample, costs one copy, and is the same in every batch. Windows may overlap, of two users or of two
    calls for one: of DreamRec's 501 calls for a user some eight pairs have numbers in common.
    """

    def __init__(self, seed: int, users: Tensor) -> None:
        self.seed = seed
        self.users = users
        self.calls = 0

    def normal(self, *shape: int) -> Tensor:
        return self._rows("normal", shape)

    def uniform(self, *shape: int) -> Tensor:
        return self._rows("uniform", shape)

    def _rows(self, law: str, shape: tuple[int, ...]) -> Tensor:
        if shape[0] != len(self.users):
            raise ValueError(f"a draw for {len(self.users)} users was asked for {shape[0]} rows")
        self.calls += 1
        width = int(torch.Size(shape[1:]).numel())
        bank = _bank(law, self.seed, str(self.users.device))
        if width >= len(bank):
            raise ValueError(f"a row of {width} numbers exceeds the noise bank of {len(bank)}")
        call = seed_of(self.seed, law, self.calls) % (1 << 31)
        offsets = _mix(self.users.long() * 0x9E3779B1 + call) % (len(bank) - width)
        return bank.unfold(0, width, 1).index_select(0, offsets).reshape(shape) if width else bank.new_empty(shape)


@lru_cache(maxsize=4)
def _bank(law: str, seed: int, device: str) -> Tensor:
    generator = torch.Generator().manual_seed(seed_of("bank", law, seed))  # on the host: the same for every device
    sample = torch.randn if law == "normal" else torch.rand
    return sample(BANK_SIZE, generator=generator).to(device)


def _mix(x: Tensor) -> Tensor:
    """Spread nearby integers over 31 bits (two rounds of multiply and xor-shift; products stay below 2^62)."""
    for multiplier in (0x45D9F3B, 0x2C1B3C6D):
        x = ((x ^ (x >> 16)) & 0x7FFFFFFF) * multiplier
    return (x ^ (x >> 16)) & 0x7FFFFFFF
