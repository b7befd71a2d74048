"""The choice of an engine: what is asked for wrongly is one sentence, and soon."""

import socket
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest
from helpers import ending

from fave_bench import ablate, campaign, run, sweep
from fave_bench.engines import on_ray

RUN = ["--dataset", "demo", "--model", "popularity"]
RAY = ["--engine", "ray"]
VERBS = [(run, RUN), (campaign, ["--datasets", "demo", "--models", "popularity"]), (ablate, ["--datasets", "demo"]),
         (sweep, ["--datasets", "demo", "--parameter", "rho"])]  # fmt: skip
with_ray = pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra `cluster`")


def silent() -> str:
    """An address of this machine at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize(("verb", "arguments"), VERBS, ids=lambda value: getattr(value, "__name__", ""))
def test_an_address_is_for_ray_alone(verb, arguments, tmp_path, capsys):
    assert ending(verb.main, [*arguments, "--ray-address", "auto", "--results", str(tmp_path / "results")]) == 2
    assert "--ray-address: it is for --engine ray" in capsys.readouterr().err


@pytest.mark.parametrize(("verb", "arguments"), VERBS, ids=lambda value: getattr(value, "__name__", ""))
def test_without_ray_it_says_how_to_get_it(verb, arguments, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(on_ray, "find_spec", lambda name: None)
    assert ending(verb.main, [*arguments, *RAY, "--results", str(tmp_path / "results")]) == 1
    assert "pip install -e '.[cluster]'" in capsys.readouterr().err


@with_ray
@pytest.mark.parametrize(
    ("extra", "code", "sentence"),
    [
        (["--device", "cuda:1"], 2, "use auto, cpu or cuda with --engine ray"),
        (["--ray-address", "nonsense"], 1, "give HOST:PORT of the cluster's head, or auto"),
        (["--ray-address", "ray://127.0.0.1:1"], 1, "give HOST:PORT"),
        (["--ray-address", "nowhere.invalid:6379"], 1, "nobody answers there"),
        (["--ray-address", "127.0.0.1:99999999"], 1, "nobody answers there"),
        (["--ray-address", silent()], 1, "nobody answers there"),
        (["--repeat", "0123"], 2, "a repetition is made on this machine"),
    ],
)
def test_a_mistake_is_one_sentence_within_seconds_and_leaves_nothing(tmp_path, capsys, extra, code, sentence):
    began, asked = time.monotonic(), [] if "--repeat" in extra else RUN
    assert ending(run.main, [*asked, *RAY, *extra, "--results", str(tmp_path / "results")]) == code
    said = capsys.readouterr().err
    assert sentence in said and "Traceback" not in said
    assert time.monotonic() - began < 30 and not (tmp_path / "results").exists()


@pytest.mark.parametrize("verb", ["run", "ablate", "sweep", "campaign"])
def test_help_imports_neither_torch_nor_ray(verb):
    check = f"import sys; from fave_bench.{verb} import parser; parser(); print({{'torch', 'ray'}} & {{*sys.modules}})"
    assert subprocess.run([sys.executable, "-c", check], capture_output=True, text=True).stdout == "set()\n"
