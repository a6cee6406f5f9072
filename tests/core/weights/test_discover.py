"""Weights are found as the search goes, in every folder that is worth a look, once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from halfpint.core.weights.discover import discover


def found(start: Path) -> set[str]:
    return {str(c.path.relative_to(start)) for step in discover(start) for c in step.found}


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"weights")


def test_weights_are_told_by_their_suffix(tmp_path: Path) -> None:
    touch(tmp_path, "a.pt", "b.pth", "c.ckpt", "d.safetensors", "pytorch_model.bin", "e.onnx", "tokens.bin", "pt")
    assert found(tmp_path) == {"a.pt", "b.pth", "c.ckpt", "d.safetensors", "pytorch_model.bin"}


def test_exported_files_are_found_where_all_their_files_are_there(tmp_path: Path) -> None:
    touch(tmp_path, "a.onnx", "b.fp16.onnx", "c.xml", "c.bin", "annotation.xml", "d.pt")
    kinds = ((".fp16.onnx",), (".onnx",), (".xml", ".bin"))
    steps = list(discover(tmp_path, kinds))
    assert {(c.path.name, c.nbytes) for step in steps for c in step.exported} == {
        ("a.onnx", 7),
        ("b.fp16.onnx", 7),
        ("c.xml", 14),
    }
    assert [c.path.name for step in steps for c in step.found] == ["d.pt"]


def test_hidden_folders_and_packages_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, ".cache/a.pt", "env/lib/site-packages/b.pt", "node_modules/c.pt", "runs/exp/weights/best.pt")
    assert found(tmp_path) == {"runs/exp/weights/best.pt"}


def test_links_in_circles_are_followed_once(tmp_path: Path) -> None:
    touch(tmp_path, "runs/best.pt")
    (tmp_path / "runs" / "again").symlink_to(tmp_path)
    (tmp_path / "runs" / "nowhere.pt").symlink_to(tmp_path / "gone")
    assert found(tmp_path) == {"runs/best.pt"}


def test_results_come_while_the_search_goes_on(tmp_path: Path) -> None:
    touch(tmp_path, *(f"run{number}/best.pt" for number in range(120)))
    steps = list(discover(tmp_path))
    assert len(steps) == 3
    assert sum(len(step.found) for step in steps) == 120
    assert steps[-1].folders == 121


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "locked/a.pt", "open/b.pt")
    (tmp_path / "locked").chmod(0)
    assert found(tmp_path) == {"open/b.pt"}


def test_a_start_that_is_not_there_has_no_weights(tmp_path: Path) -> None:
    assert found(tmp_path / "gone") == set()


def test_sizes_and_times_are_told(tmp_path: Path) -> None:
    touch(tmp_path, "a.pt")
    os.utime(tmp_path / "a.pt", (1_000_000, 1_000_000))
    (candidate,) = (c for step in discover(tmp_path) for c in step.found)
    assert (candidate.nbytes, candidate.modified) == (7, 1_000_000.0)
