"""TorchScript files of a small network, and the same with other code, pickles or records in them."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Mapping
from functools import cache

import torch


class Small(torch.nn.Module):
    """A convolution, and a weight of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 1)
        self.scale = torch.nn.Parameter(torch.ones(4, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.conv(x) * self.scale)


@cache
def traced() -> bytes:
    """The network, traced."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        module = torch.jit.trace(Small().eval(), torch.zeros(1, 3, 8, 8))
    assert isinstance(module, torch.jit.ScriptModule)
    return _saved(module)


def scripted(module: torch.nn.Module) -> bytes:
    """A module, scripted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _saved(torch.jit.script(module))


def _saved(module: torch.jit.ScriptModule) -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(module, buffer)
    return buffer.getvalue()


def records(data: bytes) -> dict[str, bytes]:
    """The records of an archive, by their name without the archive's own."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename.partition("/")[2]: archive.read(info) for info in archive.infolist()}


def written(parts: Mapping[str, bytes], *more: tuple[str, bytes], compressed: frozenset[str] = frozenset()) -> bytes:
    """An archive of these records; `more`: further ones, whose names may be there already."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, data in (*parts.items(), *more):
            kind = zipfile.ZIP_DEFLATED if name in compressed else zipfile.ZIP_STORED
            archive.writestr(f"small/{name}", data, kind)
    return buffer.getvalue()


CODE = """\
class M(Module):
  __parameters__ = ["weight", ]
  __buffers__ = []
  weight : Tensor
  training : bool
{declared}  def forward(self: __torch__.M,
    x: Tensor) -> Tensor:
{body}    return torch.mul(x, self.weight)
"""


def coded(body: str = "", declared: str = "", code: str | None = None, **other: str) -> bytes:
    """A file whose one class multiplies by a weight, after the statements of `body`; or with any other `code`.

    `declared`: further lines of its class. `other`: further sources, by the name of their record below `code/`.
    """
    text = CODE if code is None else code
    if code is None:
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        text = CODE.format(declared="".join(f"  {line}\n" for line in declared.splitlines()), body=lines)
    parts = {
        "data.pkl": _pickled(),
        "constants.pkl": b"\x80\x02).",
        "data/0": torch.ones(1).numpy().tobytes(),
        "code/__torch__.py": text.encode(),
        "version": b"3\n",
        **{f"code/{name}": text.encode() for name, text in other.items()},
    }
    return written(parts)


def _pickled() -> bytes:
    """The object of class M, as torch pickles it: its weight, and `training`."""
    tensor = (
        b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000"
        b"X\x03\x00\x00\x00cpuK\x01tQK\x00(K\x01t(K\x01t\x89ccollections\nOrderedDict\n)RtR"
    )
    state = b"}(X\x06\x00\x00\x00weight" + tensor + b"X\x08\x00\x00\x00training\x89u"
    return b"\x80\x02c__torch__\nM\n)\x81" + state + b"b."
