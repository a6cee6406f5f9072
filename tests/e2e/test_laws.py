"""The laws of the house, held by the modules that are imported and by the sources themselves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "onnx", "onnxruntime", "onnxsim"}
SOURCES = sorted([*(ROOT / "core").rglob("*.py"), *(ROOT / "cli").rglob("*.py"), *(ROOT / "tui").rglob("*.py")])

# Where text leaves: the command's console, the clipboard; and a process of ours whose reader is ours.
WAYS_OUT = {ROOT / "cli" / "console.py", ROOT / "tui" / "clipboard.py", ROOT / "tui" / "app.py"}
WAYS_OUT |= {ROOT / "core" / "memory" / "measure_gpu_process.py"}


def modules_after(code: str, *arguments: object) -> set[str]:
    """The top-level modules that are imported after running some code."""
    tail = "\nprint('MODULES', *sorted({name.partition('.')[0] for name in sys.modules}))"
    result = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}{tail}", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(result.stdout.rpartition("MODULES")[2].split())


def test_inspect_imports_nothing_heavy(tiny: Path) -> None:
    code = "from halfpint.cli.main import main; main(['inspect', sys.argv[1]])"
    imported = modules_after(code, tiny)
    assert not imported & (HEAVY | {"numpy", "textual", "rich"})


def test_estimate_imports_nothing_heavy(tiny: Path) -> None:
    code = "from halfpint.cli.main import main; main(['estimate', sys.argv[1], '--img', '64'])"
    assert not modules_after(code, tiny) & (HEAVY | {"numpy", "textual", "rich"})
    assert not modules_after(code.replace("'64'", "'64', '--map'"), tiny) & (HEAVY | {"textual", "rich"})


def test_the_headless_export_imports_nothing_heavy_in_its_own_process(tiny: Path, tmp_path: Path) -> None:
    command = "['export', '--weights', sys.argv[1], '--out', sys.argv[2], '--img', '64']"
    code = f"from halfpint.cli.main import main; main({command})"
    assert not modules_after(code, tiny, tmp_path) & (HEAVY | {"numpy", "textual"})


def test_the_core_s_facts_import_nothing_heavy() -> None:
    names = "inspect shapes ledger formats spec events jobs.launcher families readings.weigher sizes"
    names += " plan memory.estimate memory.fitmap"
    code = "\n".join(f"import halfpint.core.{name}" for name in names.split())
    assert not modules_after(code) & (HEAVY | {"numpy", "textual", "rich"})


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sources_keep_to_their_rooms(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith('"""'), "a module begins with one line that says what it is for"
    assert len(text.splitlines()) <= 350
    imports = "\n".join(re.findall(r"^\s*(?:from|import) .*$", text, re.M))
    if path.is_relative_to(ROOT / "core"):
        assert not re.search(r"\btextual\b|\brich\b|\btui\b", imports)
        assert not re.search(r"^\s*print\(", text, re.M)
    # Text leaves in one place each for the command and the screen, where it is escaped.
    if path not in WAYS_OUT:
        assert not re.search(
            r"\bprint\(|std(?:out|err)\.write\(|(?<!_)copy_to_clipboard\(|(?:self|app)\.notify\(", text
        )
    # A checkpoint is never executed.
    assert not re.search(r"weights_only\s*=\s*False|torch\.load\(|pickle\.loads?\(|(?<!\.)\beval\(|\bexec\(", text)


def test_every_package_is_installed() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = set(config["tool"]["setuptools"]["packages"])
    found = {".".join(("halfpint", *path.parent.relative_to(ROOT).parts)) for path in ROOT.glob("[ct]*/**/__init__.py")}
    assert listed == {name for name in found if not name.startswith("halfpint.tests")}


def test_the_project_speaks_of_itself_alone() -> None:
    for path in (*SOURCES, *(ROOT / "tests").rglob("*.py"), ROOT / "README.md", ROOT / "CHANGELOG.md"):
        if path != Path(__file__):
            assert "shared/" + "fixtures" not in path.read_text(encoding="utf-8")


def test_no_runtime_writes_or_sends_anything_of_the_user(tmp_path: Path) -> None:
    code = "import halfpint.core, onnxruntime"  # whose telemetry is on unless it is told otherwise
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    env.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    assert not list(tmp_path.iterdir())
