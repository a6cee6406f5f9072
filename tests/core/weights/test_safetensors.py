"""A safetensors file is read as data: what the format allows, and nothing else."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpint.core.errors import WeightsRefused
from halfpint.core.weights.archive import Archive, open_archive
from halfpint.core.weights.names import COMMON
from halfpint.core.weights.tensors import Tensor
from support.dbnet import safetensors

STATE = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "half": np.array([[0.5, -2], [3, 4]], np.float16),
    "count": np.array(100),
    "none": np.zeros((0, 4), np.float32),
}


def opened(data: bytes, folder: Path) -> Archive:
    path = folder / "model.safetensors"
    path.write_bytes(data)
    return open_archive(path, COMMON)


def file(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def refusal(data: bytes, folder: Path) -> str:
    with pytest.raises(WeightsRefused) as error:
        opened(data, folder)
    assert "model.safetensors" in str(error.value)
    return str(error.value)


def test_tensors_come_out_as_they_went_in(tmp_path: Path) -> None:
    with opened(safetensors(STATE, {"format": "pt"}), tmp_path) as archive:
        archive.check()
        assert archive.layout == "safetensors"
        assert isinstance(archive.root, dict)
        assert list(archive.root) == list(STATE)
        for name, array in STATE.items():
            read = archive.root[name]
            assert isinstance(read, Tensor)
            assert (read.shape, read.dtype.name) == (array.shape, array.dtype.name)
            np.testing.assert_array_equal(read.array(), array)
            assert read.values() == array.flatten().tolist()


def test_bfloat16(tmp_path: Path) -> None:
    values = np.array([1.5, -0.25, 3e38], np.float32)
    upper = (values.view(np.uint32) >> 16).astype(np.uint16)
    header = {"x": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}}
    with opened(file(header, upper.tobytes()), tmp_path) as archive:
        assert isinstance(archive.root, dict)
        read = archive.root["x"]
        assert isinstance(read, Tensor)
        assert (
            read.values()
            == np.asarray(read.array()).tolist()
            == (upper.astype(np.uint32) << 16).view(np.float32).tolist()
        )


def entry(**changes: Any) -> dict[str, Any]:
    return {"x": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16], **changes}}


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        (entry(shape=[2, 3]), "its shape and its bytes do not agree"),
        (entry(data_offsets=[0, 12]), "its shape and its bytes do not agree"),
        (entry(data_offsets=[16, 32]), "its shape and its bytes do not agree, or the file is cut short"),
        (entry(data_offsets=[0, 2**63]), "malformed"),
        (entry(data_offsets=[-16, 0]), "malformed"),
        (entry(data_offsets=[16, 0]), "do not agree"),
        (entry(data_offsets=[0.0, 16.0]), "malformed"),
        (entry(data_offsets=[0]), "a form that is not known"),
        (entry(shape=[-2, -2]), "malformed"),
        (entry(shape=[True, 4]), "malformed"),
        (entry(shape=[2**40, 2**40]), "do not agree"),
        (entry(shape="four"), "a form that is not known"),
        (entry(dtype="F4"), "stored as F4, which is not supported"),
        (entry(dtype=None), "a form that is not known"),
        ({"x": None}, "a form that is not known"),
        ({}, "16 bytes at its end belong to no tensor"),
        ({**entry(), "y": entry()["x"]}, "does not begin where the one before it ends"),
        (entry(shape=[1], data_offsets=[4, 8]), "does not begin where the one before it ends"),
        (b'{"x": 1', "its header is damaged"),
        (b'{"x": 1, "x": 1}', "stands there twice"),
        (b'{"x": ' + b"[" * 100_000, "its header is damaged"),
        (b'{"x": ' + b"9" * 100_000 + b"}", "its header is damaged"),
        (b"{\xff}", "its header is damaged"),
    ],
)
def test_what_the_format_does_not_allow(header: object, complaint: str, tmp_path: Path) -> None:
    assert complaint in refusal(file(header, bytes(16)), tmp_path)


def test_a_header_that_is_too_long(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with path.open("wb") as sparse:
        sparse.write(struct.pack("<Q", 2**24) + b"{")
        sparse.truncate(2**24 + 8)
    with pytest.raises(WeightsRefused, match="no checkpoint needs so many"):
        open_archive(path, COMMON)


@given(cut=st.integers(1, 400))
def test_a_file_that_is_cut_short_is_never_taken(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    data = safetensors(STATE)
    refusal(data[: max(1, len(data) - cut)], tmp_path_factory.getbasetemp())
