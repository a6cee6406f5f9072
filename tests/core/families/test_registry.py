"""The registry is open: a package of its own brings a family, and a broken one does no harm."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from support.command import halfpint
from support.dbnet import State, written

README = Path(__file__).parents[3] / "README.md"


def installed(folder: Path, code: str, entry_point: str) -> dict[str, str]:
    """Install a module as a distribution of its own; the environment in which it is found."""
    site = folder / "site"
    about = site / "marker_family-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "marker_family.py").write_text(code, encoding="utf-8")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: marker-family\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[halfpint.families]\n{entry_point}\n")
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(site), os.environ.get("PYTHONPATH", "")))}


@pytest.fixture
def marker(tmp_path: Path) -> dict[str, str]:
    """The README's family, installed as the README says."""
    text = README.read_text(encoding="utf-8")
    section = text[text.index("## A family of your own") :]
    code = re.findall(r"```python\n(.*?)```", section, re.S)[0]
    ((name, target),) = re.findall(r'^(\w+) = "(marker_family:\w+)"$', text, re.M)
    assert len(code.splitlines()) < 60
    return installed(tmp_path, code, f"{name} = {target}")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    state: State = {
        "stem.0.weight": random.standard_normal((16, 3, 3, 3)) / 4,
        "body.0.weight": random.standard_normal((16, 16, 3, 3)) / 8,
        "head.weight": random.standard_normal((16, 1, 2, 2)) / 4,
        "head.bias": np.zeros(1),
    }
    for norm in ("stem.1", "body.1"):
        state |= {f"{norm}.{name}": random.uniform(0.5, 1, 16) for name in ("weight", "bias")}
        state |= {f"{norm}.running_{name}": random.uniform(0.5, 1, 16) for name in ("mean", "var")}
    return written({key: array.astype(np.float32) for key, array in state.items()}, tmp_path / "marker.pt")


def told(result: subprocess.CompletedProcess[str]) -> str:
    return result.stdout + result.stderr


def test_a_family_of_another_package(marker: dict[str, str], weights: Path, tmp_path: Path) -> None:
    text = halfpint("inspect", weights, env=marker).stdout
    assert "marker (marker mark" in text
    include = ("--include", "onnx", "torchscript", "--precision", "fp32", "fp16", "--dynamic", "--imgsz", 64, 96)
    result = halfpint("export", "--weights", weights, "--out", tmp_path / "out", *include, env=marker)
    assert result.returncode == 0, told(result)
    assert len(re.findall(r"marker\S* +\d\S+ MB +\S+ +PASS", result.stdout)) == 4, told(result)
    refused = halfpint("export", "--weights", weights, "--out", tmp_path / "odd", "--imgsz", 65, env=marker)
    assert refused.returncode == 2
    assert "the nearest are 64×64 and 66×66" in refused.stderr


def test_without_that_package_its_weights_are_of_no_known_family(weights: Path) -> None:
    result = halfpint("inspect", weights)
    assert result.returncode == 3
    assert "no model of a known family (yolov5, ultralytics, dbnet)" in result.stderr


@pytest.mark.parametrize(
    ("code", "entry_point"),
    [("raise RuntimeError('too old')", "marker = marker_family:Any"), ("", "marker = marker_family:Missing")],
)
def test_a_broken_family_is_told_of_and_does_no_harm(
    code: str, entry_point: str, weights: Path, tiny: Path, tmp_path: Path
) -> None:
    environment = installed(tmp_path, code, entry_point)
    assert halfpint("inspect", tiny, env=environment).returncode == 0
    result = halfpint("inspect", weights, env=environment)
    assert result.returncode == 3
    assert "marker (marker_family:" in result.stderr
    assert "do not load" in result.stderr
