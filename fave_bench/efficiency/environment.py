"""What ran, on what: the facts that go into every record beside its numbers."""

import os
import platform
import shutil
import subprocess
from functools import cache
from pathlib import Path

import torch

from fave_bench import __version__, launcher
from fave_bench.errors import BenchError, UsageError

Facts = dict[str, str | int | bool | None]
CPU_INFO = Path("/proc/cpuinfo")
BF16_FLAGS = frozenset(("avx512_bf16", "amx_bf16", "bf16"))
"""As x86 and Arm processors announce it."""


def resolve_device(name: str) -> torch.device:
    """`auto`, `cpu`, `cuda` or `cuda:I` as a device that exists; otherwise one sentence that says what does.

    Of several processes that torchrun started, each gets a GPU of its own.
    """
    if launcher.size() > 1:
        name = _one_each(name)
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"--device '{name}': use auto, cpu, cuda or cuda:I") from None
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"--device '{name}': use auto, cpu, cuda or cuda:I")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise BenchError(
            f"--device {name}: this machine has {torch.cuda.device_count()} CUDA devices; use --device cpu"
        )
    return device


def _one_each(name: str) -> str:
    """This process's own device; `auto` is the CPU for all where there are fewer GPUs than processes."""
    if name.startswith("cuda:"):
        raise UsageError(f"--device {name}: with torchrun each process takes a GPU of its own; give cuda, auto or cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.device_count() >= launcher.local_size() else "cpu"
    return f"cuda:{launcher.local_rank()}" if name == "cuda" else name


def compiler_missing() -> bool:
    """Whether this machine has no C++ compiler to build CPU kernels with."""
    return not any(shutil.which(name) for name in ("c++", "g++", "clang++"))


def require_compiler(device: torch.device) -> None:
    """Raise BenchError where a training step cannot be compiled for `device`."""
    if device.type == "cpu" and compiler_missing():
        raise BenchError("--compile: there is no C++ compiler here (c++, g++ or clang++); leave the option out")


def require_tf32(device: torch.device) -> None:
    """Raise BenchError where products of matrices cannot be computed in tf32; of a cluster's device, which is `meta`
    until a node has the run, nothing is known yet."""
    if device.type not in ("cuda", "meta"):
        raise BenchError(f"precision tf32: a GPU multiplies in it, and this run is on {device}; give fp32")


def describe(device: torch.device) -> Facts:
    """The environment of a run on `device`: hardware, software and the flags that move numbers."""
    return {
        "device": device_name(device),
        "device_type": device.type,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "driver": torch.version.cuda if device.type == "cuda" else None,
        "tf32": torch.backends.cuda.matmul.allow_tf32 if device.type == "cuda" else False,
        "fave_bench": __version__,
        **code(),
    }


def device_name(device: torch.device) -> str:
    """The device as a person names it: the GPU's product name, or the processor's with its cores.

    A processor without bf16 instructions says so: a virtual machine's may have the name of one that has them.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    processor = _cpu_facts().get("model name") or platform.processor() or platform.machine()
    return f"{processor} ({os.cpu_count()} cores{'' if has_bf16(device) else ', no bf16'})"


def has_bf16(device: torch.device) -> bool:
    """Whether products in bf16 have instructions of their own; without them they take a hundred times as long as in
    fp32 on some processors. Of a processor that does not say, no."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    facts = _cpu_facts()
    return not BF16_FLAGS.isdisjoint(f"{facts.get('flags', '')} {facts.get('Features', '')}".split())


def _cpu_facts() -> dict[str, str]:
    """What Linux says of the first processor; nothing elsewhere."""
    try:
        first = CPU_INFO.read_text().split("\n\n", 1)[0]
    except OSError:
        return {}
    facts = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in facts}


@cache
def code() -> Facts:
    """Commit of the checkout this package runs from, and whether its code differs from that commit.

    As they were when first asked for, at the start of a run: a checkout may move on beneath a long one.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return {"commit": None, "dirty": None}

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True).stdout

    try:
        commit = git("rev-parse", "HEAD").strip()
        return {"commit": commit, "dirty": bool(git("status", "--porcelain", "--", "fave_bench", "baselines").strip())}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
