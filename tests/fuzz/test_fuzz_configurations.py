"""Whatever stands in a preset, a study or a printed table, it is understood or refused in one sentence."""

from pathlib import Path
from typing import Any

import pytest
from hostile import answers, hostile, many
from hypothesis import given
from hypothesis import strategies as st

from fave_bench import presets
from fave_bench.forensics.reading import read_table
from fave_bench.rendering.printed import REFERENCE
from fave_bench.studies import catalogue

PRESETS = {"fave": presets.FOLDER / "ml-100k" / "fave.toml", "sasrec": presets.FOLDER / "default" / "sasrec.toml"}
STUDIES = ("sweeps.toml", "ablations/paper.toml")
PRINTED = {
    path.name: b"".join(path.read_bytes().splitlines(keepends=True)[:8]) for path in sorted(REFERENCE.glob("*.csv"))
}


@pytest.mark.parametrize("model", PRESETS)
@many
@given(data=st.data())
def test_a_spoilt_preset_gives_plans_or_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, data: Any
) -> None:
    monkeypatch.setattr(presets, "FOLDER", tmp_path)
    path = tmp_path / data.draw(st.sampled_from(["mine", "default"])) / f"{model}.toml"
    for old in tmp_path.glob("*/*.toml"):
        old.unlink()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data.draw(hostile(PRESETS[model].read_bytes())))

    def plans() -> None:
        for setting, variant in presets.rows("mine", model):
            presets.plan("mine", model, setting, variant, {}, quick=True)

    answers(plans)


@pytest.mark.parametrize(
    "text", ['base = "default"', 'base = "../x"', "base = 3", "rows = 3", "rows = []", "paper = 3"]
)
def test_a_preset_of_another_shape_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(presets, "FOLDER", tmp_path)
    (tmp_path / "default").mkdir()
    (tmp_path / "default" / "fave.toml").write_text(text)
    assert not answers(lambda: presets.rows("mine", "fave"))


@many
@given(text=st.text(max_size=20) | st.sampled_from(["9" * 5000, "[" * 3000, "nan", "0.3", "{}", "0x" + "f" * 5000]))
def test_any_override_gives_a_plan_or_one_sentence(text: str) -> None:
    answers(lambda: presets.plan("ml-100k", "fave", None, None, presets.parse_overrides([f"model.{text}"])))
    answers(lambda: presets.plan("ml-100k", "fave", None, None, presets.parse_overrides([f"model.alpha={text}"])))


@pytest.mark.parametrize("name", STUDIES)
@many
@given(data=st.data())
def test_a_spoilt_study_is_read_or_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: Any
) -> None:
    content = data.draw(hostile((catalogue.FOLDER.joinpath(name)).read_bytes()))
    with monkeypatch.context() as patch:
        patch.setattr(catalogue, "FOLDER", tmp_path)
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
        answers((catalogue.families if "/" in name else catalogue.sweeps).__wrapped__)


@pytest.mark.parametrize("name", PRINTED)
@many
@given(data=st.data())
def test_a_spoilt_printed_table_is_read_or_one_sentence(tmp_path: Path, name: str, data: Any) -> None:
    (tmp_path / name).write_bytes(data.draw(hostile(PRINTED[name])))
    answers(lambda: read_table(tmp_path / name))
