"""An ONNX file read as data: parsed, looked at, and made whole with the data that it keeps in other files."""

from __future__ import annotations

from pathlib import Path

from google.protobuf.message import DecodeError
from onnx import ModelProto

from ....errors import ArtifactRefused
from . import external as onnx_external
from .look import look

_MOST_NBYTES = 2 * 2**30  # of a protobuf message


def read_onnx(data: bytes, folder: Path) -> ModelProto:
    """The model, with all its data inside of it. `folder`: where the file lies.

    Raises `ArtifactRefused` for what is no ONNX model, or one that must not get to a runtime.
    """
    model = parsed(data)
    onnx_external.fetch(look(model), folder)
    return model


def parsed(data: bytes) -> ModelProto:
    """The model as it is in its file, not looked at. Raises `ArtifactRefused` for what is no ONNX model."""
    if len(data) >= _MOST_NBYTES:
        raise ArtifactRefused("it has more than 2 GiB, which no ONNX file has: their data go into other files")
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise ArtifactRefused("it is no ONNX model, or cut short", "name an .onnx or .torchscript file") from error
    # Whatever a newer reader would see in it, no runtime gets it.
    model.DiscardUnknownFields()
    if not model.ByteSize() or not model.HasField("graph"):
        raise ArtifactRefused("it is no ONNX model", "name an .onnx or .torchscript file")
    return model
