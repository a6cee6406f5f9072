"""What the writer writes, torch loads and the archive reads back."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from halfpint.core.samples.yolov5 import SampleSpec, sample
from halfpint.core.weights.archive import open_archive
from halfpint.core.weights.names import COMMON, Names
from halfpint.core.weights.parts import tensors_of
from halfpint.core.weights.pickled import Name, Record
from halfpint.core.weights.tensors import Tensor
from halfpint.core.weights.writer import NewTensor, checkpoint_bytes

NAMES = COMMON | Names(prefixes=("models.",))
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
keys = st.text() | st.integers(-(2**60), 2**60)  # larger ones can be made to share a hash, and are refused
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(keys, inner) | st.tuples(inner, inner))


def written(root: object, folder: Path) -> Path:
    path = folder / "written.pt"
    path.write_bytes(checkpoint_bytes(root))
    return path


@given(values)
def test_plain_values_come_back(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    with open_archive(written(value, tmp_path_factory.getbasetemp()), NAMES) as found:
        assert found.root == value


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "int64", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3, 4)])
def test_torch_loads_what_is_written(dtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    array = (np.arange(math.prod(shape)).reshape(shape) % 2).astype(dtype)
    path = written({"buffer": NewTensor(array), "parameter": 7}, tmp_path)
    loaded = torch.load(path, weights_only=True)
    assert loaded["parameter"] == 7
    np.testing.assert_array_equal(loaded["buffer"].numpy(), array)
    with open_archive(path, NAMES) as found:
        found.check()
        (tensor,) = tensors_of(found.root)
        np.testing.assert_array_equal(tensor.array(), array)


def test_tensor_data_is_aligned_for_mapping(tmp_path: Path) -> None:
    path = written([NewTensor(np.ones(n, np.float32)) for n in (1, 3, 100)], tmp_path)
    with open_archive(path, NAMES) as found:
        assert [storage.offset % 64 for storage in found.storages] == [0, 0, 0]
    with zipfile.ZipFile(path) as listing:
        assert listing.testzip() is None


def test_objects_and_calls(tmp_path: Path) -> None:
    root = {"object": Record("models.common.Conv", (), {"i": 3}), "call": Record("torch.device", ("cpu",))}
    with open_archive(written({**root, "name": Name("torch.float16")}, tmp_path), NAMES) as found:
        assert isinstance(found.root, dict)
        read = found.root["object"]
        assert isinstance(read, Record)
        assert (read.name, read.state) == ("models.common.Conv", {"i": 3})
        assert isinstance(found.root["call"], Record)
        assert found.root["call"].args == ("cpu",)
        assert found.root["name"] == Name("torch.float16")


def test_a_value_that_has_no_pickle_is_refused() -> None:
    with pytest.raises(TypeError, match="a object cannot be written"):
        checkpoint_bytes(object())


def test_the_sample_has_the_parameters_of_yolov5n(tmp_path: Path) -> None:
    path = written(sample(SampleSpec()).root, tmp_path)
    with open_archive(path, NAMES) as found:
        tensors = list(tensors_of(found.root))
        trained = sum(t.numel for t in tensors if isinstance(t, Tensor) and t.dtype.name == "float16")
        # 1,872,157 parameters, as published for 80 classes, and the batch norms' statistics and the anchors.
        norms = sum(norm.mean.size * 2 for norm in sample(SampleSpec()).norms.values())
        assert trained == 1_872_157 + norms + 18
