"""The laws of the house, held by the modules that are imported and by the sources themselves."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from halfpint.core.precisions import ALL_PRECISIONS
from halfpint.core.targets import targets
from support.torchscript import coded

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "onnx", "onnxruntime", "onnxsim", "openvino"}
SOURCES = sorted([*(ROOT / "core").rglob("*.py"), *(ROOT / "cli").rglob("*.py"), *(ROOT / "tui").rglob("*.py")])

# Where text leaves: the command's console, the clipboard; and a process of ours whose reader is ours.
WAYS_OUT = {ROOT / "cli" / "console.py", ROOT / "tui" / "clipboard.py", ROOT / "tui" / "app.py"}
WAYS_OUT |= {ROOT / "core" / "memory" / "measure_gpu_process.py"}

# `halve`, `quantise` and `slim` make one ONNX file of another, whoever wrote it; `measure-gpu` measures PyTorch.
NAMING = {
    *(ROOT / "core" / "foreign" / f"{name}.py" for name in ("halve", "quantise", "slim")),
    *(ROOT / "core" / path for path in ("verify/halved.py", "memory/measure_gpu_process.py")),
    *(ROOT / path for path in ("core/export/quantised_file.py", "cli/quantise.py")),
}
# YOLOv5's names for what its exporter makes.
NAMING |= {ROOT / "cli" / "flags.py"}
# What checkpoints store: a type of numbers has the name that a precision has.
NAMING |= {ROOT / "core" / "weights" / name for name in ("tensors.py", "safetensors.py")}


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


def test_inspecting_an_artifact_imports_nothing_heavy_in_its_own_process(tmp_path: Path) -> None:
    path = tmp_path / "a.torchscript"
    path.write_bytes(coded())
    code = "from halfpint.cli.main import main; main(['inspect', sys.argv[1]])"
    assert not modules_after(code, path) & (HEAVY | {"numpy", "textual", "rich"})


def test_estimate_imports_nothing_heavy(tiny: Path) -> None:
    code = "from halfpint.cli.main import main; main(['estimate', sys.argv[1], '--img', '64'])"
    assert not modules_after(code, tiny) & (HEAVY | {"numpy", "textual", "rich"})
    assert not modules_after(code.replace("'64'", "'64', '--map'"), tiny) & (HEAVY | {"textual", "rich"})


def test_the_headless_export_imports_nothing_heavy_in_its_own_process(tiny: Path, tmp_path: Path) -> None:
    command = "['export', '--weights', sys.argv[1], '--out', sys.argv[2], '--img', '64']"
    code = f"from halfpint.cli.main import main; main({command})"
    assert not modules_after(code, tiny, tmp_path) & (HEAVY | {"numpy", "textual"})


def test_the_core_s_facts_import_nothing_heavy() -> None:
    names = "inspect shapes ledger kinds spec events jobs.launcher families readings.weigher sizes"
    names += " plan memory.estimate memory.fitmap"
    code = "\n".join(f"import halfpint.core.{name}" for name in names.split())
    assert not modules_after(code) & (HEAVY | {"numpy", "textual", "rich"})


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sources_keep_to_their_rooms(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith('"""'), "a module begins with one line that says what it is for"
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


def test_no_name_of_a_target_or_precision_is_known_outside_its_folder() -> None:
    names = {target.name for target in targets()} | {precision.name for precision in ALL_PRECISIONS}
    folders = "|".join(path.parent.name for path in (ROOT / "core" / "targets").glob("*/target.py"))
    for path in SOURCES:
        if (
            path in NAMING
            or path.is_relative_to(ROOT / "core/targets")
            or path.is_relative_to(ROOT / "core/precisions")
        ):
            continue
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        assert not constants & names, path
        assert not re.search(rf"^\s*from \S*targets\.({folders})\b", text, re.M), path
        assert not re.search(r"^\s*from \S*precisions(\.\S*)? import .*\b(FP16|FP32|INT8)\b", text, re.M), path


def test_imports_go_one_way() -> None:
    """No room imports a room that imports it, in however many steps."""
    imported: dict[str, set[str]] = defaultdict(set)
    for path in SOURCES:
        for room in rooms_of(path):
            imported[room_of(path)].add(room)
    TopologicalSorter(imported).prepare()  # raises for a circle, and names it
    assert not any({"cli", "tui"} & rooms for room, rooms in imported.items() if room.startswith("core"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_few_neighbours_and_a_class_few_ancestors(path: Path) -> None:
    assert len(rooms_of(path)) <= 16
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bases = {
        node.name: [ast.unparse(base) for base in node.bases] for node in tree.body if isinstance(node, ast.ClassDef)
    }
    for name in bases:
        above, own = 0, [name]
        while own := [base for each in own for base in bases.get(each, ())]:
            above += 1
        assert above <= 2, f"{name} inherits from what inherits from what inherits"


def room_of(path: Path) -> str:
    """The room of a module: its folder in `core`, or itself if it lies in `core` alone."""
    top, *inner = path.relative_to(ROOT).with_suffix("").parts
    return top if top != "core" else f"core/{inner[0]}"


def rooms_of(path: Path) -> set[str]:
    """The other rooms that a module imports from, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found |= {room_of(folder.joinpath(*name.split(".")).with_suffix(".py")) for name in names}
    return found - {room_of(path)}


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
