"""What a processor says it can do, as Linux tells it, and which commit a run is of."""

import subprocess
from pathlib import Path

import pytest
import torch

from fave_bench.efficiency import environment
from fave_bench.efficiency.environment import device_name, has_bf16
from fave_bench.runner import Run
from fave_bench.spec import Spec

CPU = torch.device("cpu")
INTEL = "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu sse2 avx2{}\n\nprocessor\t: 1\nflags\t\t: amx_bf16\n"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (INTEL.format(" avx512f avx512_bf16"), True),
        (INTEL.format(" amx_bf16"), True),
        (INTEL.format(" avx512f"), False),
        (INTEL.format(" avx512_bf16_not"), False),
        ("processor\t: 0\nFeatures\t: fp asimd i8mm bf16\n", True),
        ("processor\t: 0\nFeatures\t: fp asimd\n", False),
        ("", False),
    ],
)
def test_bf16_is_there_where_the_first_processor_says_so(said, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "CPU_INFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(said)
    assert has_bf16(CPU) == expected
    assert ("no bf16" in device_name(CPU)) != expected


def test_where_nothing_is_said_a_device_has_a_name_all_the_same(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(environment, "CPU_INFO", tmp_path / "missing")
    assert not has_bf16(CPU) and " cores, no bf16)" in device_name(CPU)


def test_the_name_is_the_processors(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "CPU_INFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(INTEL.format(" avx512_bf16"))
    assert device_name(CPU).startswith("Some CPU (") and device_name(CPU).endswith(" cores)")


def test_a_run_is_of_the_commit_that_it_began_with(tmp_path, monkeypatch):
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.run(
            ["git", "-C", tmp_path, *identity, *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "--message", "one")
    began_with = git("rev-parse", "HEAD")
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "fave_bench" / "efficiency" / "environment.py"))
    environment.code.cache_clear()
    try:
        run = Run(Spec("demo", "popularity", None), CPU)
        git("commit", "--quiet", "--allow-empty", "--message", "two")
        assert environment.describe(run.device)["commit"] == began_with != git("rev-parse", "HEAD")
    finally:
        environment.code.cache_clear()
