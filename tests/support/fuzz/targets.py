"""What is tried: genuine files of each kind, the ways to change them, and what reads them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from halfpint.core.families import open_weights
from halfpint.core.precisions import FP32
from support import confined
from support.fuzz import code, jsons, pickles, protobufs, zips
from support.fuzz.dice import Dice
from support.pickles import checkpoint, plain
from support.zips import archive

_FIXTURES = Path(__file__).parents[2] / "fixtures" / "yolov5"


@dataclass(frozen=True)
class Target:
    """A kind of file. `seeds`: genuine ones. `change`: makes another of one. `read`: the ways to read it, by name.

    `suffix`: of the file. `may`: what reading it may do of what is forbidden else.
    """

    seeds: Callable[[], Sequence[bytes]]
    change: Callable[[bytes, Dice], bytes]
    read: Mapping[str, Callable[[Path], int]]
    suffix: str = ".pt"
    may: frozenset[str] = frozenset()


# ---- weights


@cache
def _checkpoints() -> Sequence[bytes]:
    """Of each era and task one, the small ones more often."""
    names = ("master-n", "master-n", "master-n", "v2.0-s", "v3.1-s", "v5.0-s", "master-n-seg", "master-n-training")
    return [(_FIXTURES / f"{name}.pt").read_bytes() for name in names]


def _pickle_changed(data: bytes, dice: Dice) -> bytes:
    """An archive whose pickle is changed."""
    records = zips.parts(data)
    return zips.written(
        [
            zips.Part(part.name, pickles.changed(part.data, dice) if part.name.endswith("data.pkl") else part.data)
            for part in records
        ]
    )


@cache
def _streams() -> Sequence[bytes]:
    """Two genuine checkpoints as torch before 1.6 wrote them."""
    return [_as_stream(_FIXTURES / f"{name}.pt") for name in ("master-n", "v2.0-s")]


def _as_stream(path: Path) -> bytes:
    with open_weights(path) as opened:
        root = zips.parts(checkpoint(opened.root))
    data = {part.name.partition("/")[2]: part.data for part in root}
    stored = {name.removeprefix("data/"): values for name, values in data.items() if name.startswith("data/")}
    magic = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
    system = b"\x80\x02}(" + plain("protocol_version") + plain(1001) + plain("little_endian") + b"\x88u."
    keys = b"\x80\x02](" + b"".join(map(plain, stored)) + b"e."
    sizes = _element_sizes(path)
    storages = (struct.pack("<q", len(values) // sizes[key]) + values for key, values in stored.items())
    return b"".join([magic, b"\x80\x02M\xe9\x03.", system, data["data.pkl"], keys, *storages])


def _element_sizes(path: Path) -> Mapping[str, int]:
    from halfpint.core.weights.parts import tensors_of

    with open_weights(path) as opened:
        return {tensor.storage.key: tensor.dtype.itemsize for tensor in tensors_of(opened.root)}


@cache
def _safetensors() -> Sequence[bytes]:
    """A DBNet, all of whose weights are zeros; and a file of few tensors."""
    few = {f"t{i}": {"dtype": "F32", "shape": [2, 2], "data_offsets": [16 * i, 16 * i + 16]} for i in range(5)}
    few["__metadata__"] = {"format": "pt"}  # pyright: ignore[reportArgumentType]
    listed: dict[str, Any] = json.loads((_FIXTURES.parent / "dbnet" / "proxylessnas.json").read_text())
    header, place = {}, 0
    for key, (shape, dtype) in listed.items():
        nbytes = (8 if dtype == "int64" else 2) * _product(shape)
        spelled = "I64" if dtype == "int64" else "F16"
        header[key] = {"dtype": spelled, "shape": shape, "data_offsets": [place, place + nbytes]}
        place += nbytes
    return [_with_header(json.dumps(header).encode(), bytes(place)), _with_header(json.dumps(few).encode(), bytes(80))]


def _product(shape: Sequence[int]) -> int:
    product = 1
    for dim in shape:
        product *= dim
    return product


def _with_header(header: bytes, body: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + body


def _header_changed(data: bytes, dice: Dice) -> bytes:
    (length,) = struct.unpack("<Q", data[:8])
    header, body = data[8 : 8 + length], data[8 + length :]
    if dice.chance(0.1):
        return struct.pack("<Q", dice.integer() % 2**64) + header + body
    return _with_header(jsons.changed(json.loads(header), dice), body[: dice.one_of(None, None, None, -1, 100)])


# ---- exported files


@cache
def _models() -> Sequence[bytes]:
    """An ONNX file of ours, small ones of others, and some that were hostile before they were changed."""
    from halfpint.core.shapes import InputShape
    from halfpint.core.targets.contract import contract
    from halfpint.core.targets.onnx.file import onnx_bytes
    from halfpint.core.targets.provenance import Provenance
    from halfpint.core.weights_source import WeightsSource
    from support import hostile_onnx as hostile

    shape = InputShape(1, 3, 64, 64)
    with WeightsSource(_FIXTURES / "master-n.pt") as source:
        for _ in source.load():
            pass
        network = source.network
    ours = [
        onnx_bytes(
            network,
            contract(network, shape, dynamic=dynamic),
            FP32,
            17,
            shape,
            Provenance("master-n.pt", source.sha256),
        )
        for dynamic in (False, True)
    ]
    kinds = (
        *(hostile.sound, hostile.loops_in_loops, hostile.zeros_of_the_image, hostile.padded, hostile.resized),
        *(hostile.sparse, hostile.sparse_constant, hostile.deep_graphs, hostile.laughing_functions),
    )
    return [*ours, *(make().SerializeToString() for make in kinds)]


def _looked_at(path: Path) -> int:
    """What is done with an ONNX file before a runtime sees it."""
    from halfpint.core.targets.onnx.untrusted.file import read_onnx
    from halfpint.core.targets.onnx.untrusted.needs import needs

    model = read_onnx(path.read_bytes(), path.parent)
    model.SerializeToString()
    needs(model, (64, 64))
    return 0


@cache
def _scripts() -> Sequence[bytes]:
    """TorchScript files that torch wrote, and small ones by hand."""
    from support import torchscript

    return [torchscript.traced(), torchscript.coded(), torchscript.coded("y = torch.add(x, x)\nx = y")]


def _script_changed(data: bytes, dice: Dice) -> bytes:
    if dice.chance(0.3):
        return zips.changed(data, dice)
    records = zips.parts(data)
    coded = [i for i, part in enumerate(records) if part.name.endswith(".py")]
    pickled = [i for i, part in enumerate(records) if part.name.endswith(".pkl")]
    i = dice.choice(coded if dice.chance(0.75) else pickled)
    part = records[i]
    other = code.changed(part.data.decode(), dice).encode() if i in coded else pickles.changed(part.data, dice)
    records[i] = zips.Part(part.name, other, part.packed)
    return zips.written(records)


def _checked(path: Path) -> int:
    """What torch would be given of a TorchScript file; nothing that does harm is in it."""
    from halfpint.core.targets.torchscript.untrusted.archive import checked_torchscript

    for part in zips.parts(checked_torchscript(path.read_bytes())):
        if part.name.endswith(".py"):
            found = code.harmful(part.data.decode())
            assert not found, f"{found} gets to torch"
    return 0


# ---- files beside them


def _manifest() -> Sequence[bytes]:
    port = {"name": "images", "dtype": "float32", "dims": [1, 3, 64, 64]}
    entry = {
        "file": "best.onnx",
        "sha256": hashlib.sha256(b"artifact").hexdigest(),
        "nbytes": 8,
        "ratio": 1.5,
        "contract": {"input": port, "outputs": [port]},
        "ledger": {"entries": [{"what": "weights", "nbytes": 8}], "explanation": "weights alone"},
        "verification": {
            "mode": "full",
            "seconds": 1.0,
            "headline": "all is well",
            "checks": [{"name": "loads", "verdict": "pass", "message": "it loads"}],
            "differences": [],
        },
        "made": {"created": "2026-01-01T00:00:00", "versions": {"halfpint": "1"}},
    }
    source = {"file": "best.pt", "family": "yolov5", "variant": "yolov5n", "sha256": "5" * 64}
    twice = [entry, {**entry, "file": "best.fp16.onnx", "source": {**source, "sha256": "6" * 64}}]
    return [json.dumps({"schema": 1, "source": source, "artifacts": twice}).encode()]


def _json_changed(data: bytes, dice: Dice) -> bytes:
    return jsons.changed(json.loads(data), dice)


def _kept(path: Path) -> int:
    """What a job, `verify` and the screen make of a manifest."""
    from halfpint.core.errors import BadRequest
    from halfpint.core.manifest import earlier, listed_elsewhere
    from halfpint.core.spec import ExportSpec
    from halfpint.core.text import to_json
    from halfpint.tui.report_lines import report_lines

    folder = path.parent / "folder"
    (folder / "best.halfpint.json").write_bytes(path.read_bytes())
    for overwrite in (False, True):
        spec = ExportSpec.of(folder / "best.pt", folder, overwrite=overwrite)
        with contextlib.suppress(BadRequest):
            for listed in earlier(spec, "5" * 64):
                listed.changed_in(folder)
                to_json(listed.to_dict("5" * 64), indent=2)
    listed_elsewhere(folder / "best.onnx")
    report_lines(folder / "best.halfpint.json", "best.onnx")
    report_lines(folder / "best.halfpint.json", "best.fp16.onnx")
    return 0


def _configurations() -> Sequence[bytes]:
    return [
        json.dumps({"model": {"inference_kwargs": {"thresh": 0.25, "image_short_side": 736}}, "task": "x"}).encode()
    ]


def _configured(path: Path) -> int:
    from halfpint.core.families.dbnet.model import DBNetModel
    from halfpint.core.families.state_dict import StateDict
    from halfpint.core.weights.folder import configuration

    beside = path.with_name("configuration.json")
    beside.write_bytes(path.read_bytes())
    facts = DBNetModel("resnet18", StateDict({}, ""), configuration(path)).facts()
    assert facts.threshold is not None
    assert 0 < facts.threshold < 1
    assert all(size.height % facts.stride == 0 < size.height < 5000 for size in facts.sizes.presets)
    return 0


def _locks() -> Sequence[bytes]:
    """What a process that died left: who it was, and what it was about to do."""
    from halfpint.core.publication.journal import Journal, Move

    holder = {"job": "1", "pid": 1, "host": "elsewhere", "since": "2026-01-01T00:00:00", "birth": "1"}
    moves = [
        Move("best.onnx", ".best.onnx.00000001.part", hashlib.sha256(b"new").hexdigest(), ".best.onnx.00000001.old"),
        Move("best.halfpint.json", ".best.halfpint.json.00000002.part", hashlib.sha256(b"list").hexdigest()),
    ]
    return [f"{json.dumps(holder)}\n{Journal('1', tuple(moves)).to_line()}\n".encode()]


def _lock_changed(data: bytes, dice: Dice) -> bytes:
    holder, journal = data.splitlines()
    if dice.chance(0.1):
        return dice.bytes_changed(data)
    if dice.chance(0.2):
        return jsons.changed(json.loads(holder), dice) + b"\n" + journal + b"\n"
    return holder + b"\n" + jsons.changed(json.loads(journal), dice) + b"\n"


def _put_right(path: Path) -> int:
    """What the next job makes of it; other people's files stay as they are."""
    from halfpint.core.publication.hold import Held, Hold

    folder = path.parent / "folder"
    files = {
        folder / ".best.halfpint.lock": path.read_bytes(),
        folder / ".best.onnx.00000001.part": b"new",
        folder / ".best.onnx.00000001.old": b"old",
        folder / ".best.halfpint.json.00000002.part": b"list",
        folder / "other.onnx": b"other",
        path.parent / "victim": b"victim",
    }
    for place, data in files.items():
        place.write_bytes(data)
    with contextlib.suppress(Held):
        Hold(folder, "best").release()
    assert (folder / "other.onnx").read_bytes() == b"other"
    assert (path.parent / "victim").read_bytes() == b"victim"
    return 0


_TO_WRITE = frozenset(["open", "os.remove", "os.rename", "os.link", "os.truncate"])
TARGETS: dict[str, Target] = {
    "pickles": Target(_checkpoints, _pickle_changed, confined.ACTIONS),
    "zips": Target(lambda: [_checkpoints()[0], archive_of_few(), archive_of_few()], zips.changed, confined.ACTIONS),
    "streams": Target(_streams, pickles.changed_stream, confined.ACTIONS),
    "safetensors": Target(_safetensors, _header_changed, confined.ACTIONS),
    "onnx": Target(_models, protobufs.changed, {"look": _looked_at}, ".onnx"),
    "torchscript": Target(_scripts, _script_changed, {"look": _checked}, ".torchscript"),
    "manifests": Target(_manifest, _json_changed, {"read": _kept}, may=_TO_WRITE),
    "configurations": Target(_configurations, _json_changed, {"read": _configured}, may=_TO_WRITE),
    "locks": Target(_locks, _lock_changed, {"take": _put_right}, may=_TO_WRITE),
}


def archive_of_few() -> bytes:
    """A small archive: two tensors in a dict."""
    pid = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x00%dX\x03\x00\x00\x00cpuK\x04tQ"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + pid + b"K\x00(K\x04t(K\x01t\x89}tR"
    body = b"}(" + b"".join(plain(f"t{i}") + tensor % i for i in range(2)) + b"u"
    data = {f"data/{i}": bytes(16) for i in range(2)}
    return archive({"data.pkl": b"\x80\x02" + body + b".", "byteorder": b"little", **data, "version": b"3\n"})
