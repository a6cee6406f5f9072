"""The sample DBNet has the public model's layout, and is the same every time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from halfpint.core.errors import BadRequest
from halfpint.core.inspect import inspect
from halfpint.core.samples.dbnet import sample
from halfpint.core.samples.make import write_dbnet
from support.dbnet import FIXTURES


def test_the_sample_has_the_public_model_s_layout() -> None:
    listed = json.loads((FIXTURES / "resnet18.json").read_text())
    made = {key: [list(tensor.array.shape), tensor.array.dtype.name] for key, tensor in sample().items()}
    assert made == listed


def test_the_sample_is_a_file_that_can_be_exported(tmp_path: Path) -> None:
    path = tmp_path / "sample.pt"
    write_dbnet(path)
    info = inspect(path)
    assert (info.facts.variant, info.parameters, info.obstacle) == ("dbnet-resnet18", 12_340_930, "")
    with pytest.raises(BadRequest):
        write_dbnet(path)
    before = path.read_bytes()
    write_dbnet(path, overwrite=True)
    assert path.read_bytes() == before
