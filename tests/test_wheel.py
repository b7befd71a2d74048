"""A wheel holds all that an installed program reads beside its code."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_a_wheel_holds_every_file_of_the_packages_and_what_the_papers_print(tmp_path):
    source = tmp_path / "source"  # building writes beside what is built
    cached = shutil.ignore_patterns("__pycache__")
    for folder in ("fave_bench", "baselines", "paper_tables"):
        shutil.copytree(ROOT / folder, source / folder, ignore=cached)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *offline, "--wheel-dir", tmp_path, source], check=True)

    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = (ROOT / "fave_bench", ROOT / "baselines", ROOT / "paper_tables" / "reference")
    files = {path for folder in wanted for path in folder.rglob("*") if path.is_file()}
    assert held == {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
