"""A model's folder stands for the weights in it, as long as there is no doubt which."""

from __future__ import annotations

from pathlib import Path

import pytest

from halfpint.core.errors import WeightsRefused
from halfpint.core.weights.folder import configuration, weights_file


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"weights")


def test_a_file_is_itself(tmp_path: Path) -> None:
    assert weights_file(tmp_path / "any.pt") == tmp_path / "any.pt"


@pytest.mark.parametrize("name", ["pytorch_model.pt", "pytorch_model.bin", "model.safetensors", "only.pth"])
def test_the_weights_of_a_folder(name: str, tmp_path: Path) -> None:
    touch(tmp_path, name, "configuration.json", "README.md")
    assert weights_file(tmp_path) == tmp_path / name


def test_the_usual_name_comes_first(tmp_path: Path) -> None:
    touch(tmp_path, "a.pt", "pytorch_model.pt", "z.pt")
    assert weights_file(tmp_path).name == "pytorch_model.pt"


def test_no_weights_or_several(tmp_path: Path) -> None:
    with pytest.raises(WeightsRefused, match="a folder without a weights file"):
        weights_file(tmp_path)
    touch(tmp_path, "b.pt", "a.pth")
    with pytest.raises(WeightsRefused, match=r"2 weights files\. name one, such as a\.pth"):
        weights_file(tmp_path)


def test_a_configuration_lies_beside_the_weights(tmp_path: Path) -> None:
    assert configuration(tmp_path / "w.pt") == {}
    (tmp_path / "configuration.json").write_text('{"model": {"type": "OCRDetection"}}')
    assert configuration(tmp_path / "w.pt") == {"model": {"type": "OCRDetection"}}
    (tmp_path / "configuration.json").write_bytes(b"{}" + b" " * 2**21)
    assert configuration(tmp_path / "w.pt") == {}
