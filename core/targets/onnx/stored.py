"""An ONNX file whose weights stay where they are: its model without them, and each of them when it is asked for."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Collection, Iterator, Mapping, Set
from functools import cached_property
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from .protobuf import changed, message

Array = NDArray[Any]

# The numbers of the fields on the way to a tensor's data: of a model, of a graph, and of a tensor.
_GRAPH, _INITIALIZER, _RAW_DATA = 7, 5, 9
_SMALL_NBYTES = 1024  # what is smaller stays in the model: what shapes follow from is among it
# The types of weights; tensors of others stay in the model too.
_FLOATS = frozenset((TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE))


class _Place(NamedTuple):
    """Where a tensor's data lie in the file."""

    start: int
    nbytes: int


class StoredModel:
    """An open ONNX file, or the bytes of one."""

    def __init__(self, source: bytes | Path) -> None:
        """Open it; nothing is read yet. Raises `OSError`."""
        self._file: IO[bytes] = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")

    def close(self) -> None:
        """Close the file: nothing more is read from it."""
        self._file.close()

    @property
    def brief(self) -> ModelProto:
        """The model without the data of its large tensors. Raises `ValueError` for a file that holds no model."""
        return self._found[0]

    def whole(self) -> ModelProto:
        """The model with all that is in it."""
        self._file.seek(0)
        return onnx.load_from_string(self._file.read())

    def tensors(self, names: Collection[str] | None = None) -> Mapping[str, Array]:
        """The stored tensors by name, or some of them. Each is read when it is asked for, and not kept."""
        stored = self.brief.graph.initializer
        return _Tensors(self, {t.name: t for t in stored if names is None or t.name in names})

    @property
    def large(self) -> Set[str]:
        """The names of its large tensors."""
        return self._found[1].keys()

    def fed(self, more: Collection[str] = ()) -> ModelProto:
        """A copy of the model whose large tensors, and `more` of the others, are inputs, behind those that it has.

        Raises `ValueError` if one has other bytes than its dimensions say, `KeyError` if one of `more` is not stored.
        """
        places = self._found[1]
        model = ModelProto()
        model.CopyFrom(self.brief)
        inputs = {port.name for port in model.graph.input}
        stored = {tensor.name: tensor for tensor in self.brief.graph.initializer}
        del model.graph.initializer[:]
        for name in dict.fromkeys((*places, *more)):
            tensor = stored.pop(name)
            declared = math.prod(tensor.dims) * _dtype(tensor).itemsize
            if name in places and places[name].nbytes != declared:
                raise ValueError(f"{name} has {places[name].nbytes} bytes, its dimensions say {declared}")
            if name not in inputs:
                port = helper.make_tensor_value_info(name, tensor.data_type, tuple(tensor.dims))
                model.graph.input.append(port)
        model.graph.initializer.extend(stored.values())
        return model

    def read(self, tensor: TensorProto) -> Array:
        """The values of one of the tensors of `brief`."""
        place = self._found[1].get(tensor.name)
        if place is None:
            return numpy_helper.to_array(tensor)
        self._file.seek(place.start)
        data = self._file.read(place.nbytes)
        return np.frombuffer(data, _dtype(tensor).newbyteorder("<")).reshape(tuple(tensor.dims))

    @cached_property
    def _found(self) -> tuple[ModelProto, Mapping[str, _Place]]:
        """The model without its large tensors' data, and where these lie."""
        file = self._file
        places: list[_Place | None] = []  # of each initializer, in their order

        def in_model(number: int, end: int) -> bytes | None:
            return message(_GRAPH, changed(file, end, in_graph)) if number == _GRAPH else None

        def in_graph(number: int, end: int) -> bytes | None:
            if number != _INITIALIZER:
                return None
            places.append(None)
            return message(_INITIALIZER, changed(file, end, in_tensor))

        def in_tensor(number: int, end: int) -> bytes | None:
            place = _Place(file.tell(), end - file.tell())
            if number != _RAW_DATA or place.nbytes < _SMALL_NBYTES:
                return None
            places[-1] = place
            return b""

        end = file.seek(0, os.SEEK_END)
        file.seek(0)
        model = ModelProto.FromString(changed(file, end, in_model))
        apart: dict[str, _Place] = {}
        for tensor, place in zip(model.graph.initializer, places, strict=True):
            if place is not None and tensor.data_type in _FLOATS:
                apart[tensor.name] = place
            elif place is not None:
                file.seek(place.start)
                tensor.raw_data = file.read(place.nbytes)
        return model, apart


class _Tensors(Mapping[str, Array]):
    """Each is read anew."""

    def __init__(self, stored: StoredModel, tensors: Mapping[str, TensorProto]) -> None:
        self._stored, self._tensors = stored, tensors

    def __getitem__(self, name: str) -> Array:
        return self._stored.read(self._tensors[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def _dtype(tensor: TensorProto) -> np.dtype[Any]:
    return helper.tensor_dtype_to_np_dtype(tensor.data_type)
