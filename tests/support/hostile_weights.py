"""Weights files with a large appetite, or with values that no network has: small ones, a function for each."""

from __future__ import annotations

import io
import json
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast

from halfpint.core.weights.file import WeightsFile
from halfpint.core.weights.pickled import Name, Record
from halfpint.core.weights.tensors import DType, Storage, Tensor
from support.pickles import below, changed, module, plain, table
from support.zips import archive, pickled

GENUINE = Path(__file__).parents[1] / "fixtures/yolov5/master-n.pt"
_COMMON, _LAYERS = "models.common.", "torch.nn.modules."


# ---- pickles that are short, and long to read


def _name(full: str) -> bytes:
    return plain(Name(full))


def key_without_end() -> bytes:
    """A dict's key that is a record of pairs of pairs, sixty deep: as text, it has 2⁶⁰ parts."""
    doubled = b"N" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(60))
    return pickled(b"}" + _name("builtins.range") + b"(" + doubled + b"tRNs")


def _copied(kind: str, times: int = 5000) -> bytes:
    """A list of 10,000 that is copied into so many containers."""
    first = b"](" + b"N" * 10_000 + b"eq\x00"
    return pickled(b"(" + first + (_name(kind) + b"h\x00\x85R") * times + b"t")


def sets_of_one_list() -> bytes:
    return _copied("builtins.set")


def dicts_of_one_list() -> bytes:
    """As `OrderedDict(pairs)`, thousands of times."""
    pairs = b"](" + b"".join(plain(i) + b"N\x86" for i in range(3000)) + b"eq\x00"
    return pickled(b"(" + pairs + (_name("collections.OrderedDict") + b"h\x00\x85R") * 5000 + b"t")


def keywords_of_one_dict() -> bytes:
    """As `builtins.range(**keywords)`, thousands of times."""
    keywords = b"}(" + b"".join(plain(i) + b"N" for i in range(3000)) + b"uq\x00"
    return pickled(b"(" + keywords + (_name("builtins.range") + b")h\x00\x92") * 5000 + b"t")


def integer_of_100k_digits() -> bytes:
    return pickled(plain(10**100_000))


def integer_in_text() -> bytes:
    return pickled(b"L" + b"9" * 100_000 + b"L\n")


def integer_in_text_of_5000_digits() -> bytes:
    """More than Python converts, few enough to be no trouble."""
    return pickled(b"I" + b"9" * 5000 + b"\n")


def equal_hashes() -> bytes:
    """Integers that have the same hash, all of them: a dict of n keys would take n² steps."""
    keys = b"".join(plain(i * (2**61 - 1)) + b"N" for i in range(1, 60_000))
    return pickled(b"}(" + keys + b"u")


def floats_of_equal_hashes() -> bytes:
    """Floats whose hashes collide: Python hashes 2⁶¹ as 1. Only a few floats share a hash: the reader takes them."""
    keys = b"".join(plain(float(c * 2 ** (61 * k))) + b"N" for c in range(1, 4000) for k in range(16))
    return pickled(b"}(" + keys + b"u")


def similar_hashes() -> bytes:
    """Integers whose last fifty bits are zeros: they begin to look for their place at the same one."""
    keys = b"".join(plain(i * 2**50) + b"N" for i in range(-2000, 2000))
    return pickled(b"}(" + keys + b"u")


def nested_100k_deep() -> bytes:
    return pickled(b"]" * 100_000 + b"a" * 99_999)


def calls_20k_deep() -> bytes:
    """A parameter of a parameter of a parameter."""
    call = _name("torch._utils._rebuild_parameter")
    return pickled(call * 20_000 + b"N" + b"\x85R" * 20_000)


def subclasses_20k_deep() -> bytes:
    """A tensor's subclass that is made by what makes a tensor's subclass, and so on."""
    call = _name("torch._tensor._rebuild_from_type_v2")
    one = _name("builtins.range") + _name("torch.Tensor") + b")Nt"
    return pickled(call + (b"(" + call + _name("torch.Tensor")) * 20_000 + b"(" + one + b"Nt" * 20_000 + b"R")


def steps_without_end() -> bytes:
    return pickled(b"N0" * 1_000_000 + b"N")


def marks() -> bytes:
    return pickled(b"(" * 900_000 + b"N")


def name_of_a_megabyte() -> bytes:
    return pickled(b"}" + plain("n" * 10**6) + b"Ns")


def class_of_a_megabyte() -> bytes:
    return pickled(b"cmodels.common\n" + b"C" * 10**6 + b"\n")


def _tensor(shape: bytes, strides: bytes) -> bytes:
    """A tensor of a storage of four bytes."""
    pid = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQ"
    made = _name("torch._utils._rebuild_tensor_v2") + b"(" + pid + b"K\x00" + shape + strides + b"\x89}tR"
    return archive({"data.pkl": b"\x80\x02" + made + b".", "byteorder": b"little", "data/0": bytes(4)})


def dimensions_200k() -> bytes:
    return _tensor(b"(" + b"K\x01" * 200_000 + b"t", b"(" + b"K\x01" * 200_000 + b"t")


def dimensions_of_2_to_62() -> bytes:
    dims = b"(" + plain(2**62) * 64 + b"t"
    return _tensor(dims, b"(" + b"K\x00" * 64 + b"t")


def tensors_of_many_dimensions() -> bytes:
    """A hundred thousand tensors that share a shape of sixty-four."""
    pid = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQ"
    parts = (b"(" + b"K\x01" * 64 + b"t", pid, _name("torch._utils._rebuild_tensor_v2"))
    put = b"".join(part + b"q" + bytes([i]) + b"0" for i, part in enumerate(parts))
    body = put + b"](" + b"h\x02(h\x01K\x00h\x00h\x00\x89}tR" * 100_000 + b"e"
    return archive({"data.pkl": b"\x80\x02" + body + b".", "byteorder": b"little", "data/0": bytes(4)})


def _shared_tensor(dims: int = 1) -> bytes:
    """A tensor of one element, put aside as 0."""
    pid = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQ"
    shape = (b"(" + b"K\x01" * dims + b"t") * 2
    return _name("torch._utils._rebuild_tensor_v2") + b"(" + pid + b"K\x00" + shape + b"\x89}tRq\x000"


def _of_shared_tensor(body: bytes, dims: int = 1) -> bytes:
    pickle = b"\x80\x02" + _shared_tensor(dims) + body + b"."
    return archive({"data.pkl": pickle, "byteorder": b"little", "data/0": bytes(4)})


def dicts_of_one_tensor() -> bytes:
    """A hundred thousand dicts, each of which could be a state dict."""
    key = plain("t") + b"q\x010"
    return _of_shared_tensor(key + b"}(" + b"".join(plain(i) + b"}h\x01h\x00s" for i in range(100_000)) + b"u")


def names_with_wrappers() -> bytes:
    """A hundred thousand names of one tensor, each of which begins with what wrappers put there."""
    names = b"".join(plain(f"a.a.a.a.a.a.a.a.{i}") + b"h\x00" for i in range(99_000))
    return _of_shared_tensor(b"}(" + names + b"u", dims=64)


# ---- zips that are not what they say


def _zip(*entries: tuple[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as file:
        for name, data in entries:
            file.writestr(zipfile.ZipInfo(name), data, kind)
    return buffer.getvalue()


def entries_60k() -> bytes:
    return _zip(("a/data.pkl", b"\x80\x02N."), *((f"a/{i}", b"") for i in range(60_000)))


def pickle_that_unpacks() -> bytes:
    """A hundred megabytes of nothing, packed."""
    return _zip(("a/data.pkl", b"\x80\x02" + b"N0" * 50_000_000 + b"N."), kind=zipfile.ZIP_DEFLATED)


def name_twice() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _zip(("a/data.pkl", b"\x80\x02N."), ("a/data.pkl", b"\x80\x02N."))


def two_archives() -> bytes:
    return _zip(("a/data.pkl", b"\x80\x02N."), ("b/data.pkl", b"\x80\x02N."))


def _directory(data: bytes, change: Callable[[bytearray], None]) -> bytes:
    """An archive with its directory's first entry, or its end, changed."""
    place = data.index(b"PK\x01\x02")
    directory = bytearray(data[place:])
    change(directory)
    return data[:place] + bytes(directory)


def entry_behind_the_end() -> bytes:
    def change(directory: bytearray) -> None:
        struct.pack_into("<I", directory, 42, 2**31)  # where its header lies

    return _directory(pickled(b"N"), change)


def entry_of_four_gigabytes() -> bytes:
    def change(directory: bytearray) -> None:
        struct.pack_into("<II", directory, 20, 2**32 - 2, 2**32 - 2)  # its bytes, packed and not

    return _directory(pickled(b"N"), change)


def encrypted() -> bytes:
    def change(directory: bytearray) -> None:
        struct.pack_into("<H", directory, 8, 1)

    return _directory(pickled(b"N"), change)


def directory_of_four_gigabytes() -> bytes:
    def change(directory: bytearray) -> None:
        struct.pack_into("<I", directory, directory.rindex(b"PK\x05\x06") + 12, 2**32 - 2)

    return _directory(pickled(b"N"), change)


def one_place_for_all() -> bytes:
    """A thousand storages in the same bytes: a file of a megabyte would be a network of a gigabyte."""
    nbytes, count = 2**20, 1000
    tensors = []
    for key in range(count):
        pid = b"(" + plain("storage") + _name("torch.FloatStorage") + plain(str(key)) + plain("cpu")
        pid += plain(nbytes // 4) + b"tQ"
        one = b"(" + pid + b"K\x00(" + plain(nbytes // 4) + b"t(K\x01t\x89}tR"
        tensors.append(_name("torch._utils._rebuild_tensor_v2") + one)
    names = [f"archive/data/{key}" for key in range(count)]
    data = bytearray(
        _zip(
            ("archive/data.pkl", b"\x80\x02(" + b"".join(tensors) + b"t."),
            (names[0], bytes(nbytes)),
            *((name, b"") for name in names[1:]),
        )
    )
    first = data.index(names[0].encode(), data.index(b"PK\x01\x02")) - 46
    header, place = bytes(data[first + 42 : first + 46]), first
    for _ in names:
        struct.pack_into("<III", data, place + 16, 0, nbytes, nbytes)
        data[place + 42 : place + 46] = header
        name, extra, comment = struct.unpack_from("<HHH", data, place + 28)
        place += 46 + name + extra + comment
    return bytes(data)


# ---- safetensors


def _safetensors(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def header_of_2_to_63() -> bytes:
    return struct.pack("<Q", 2**63) + b"{}" + bytes(100)


def tensors_60k() -> bytes:
    nothing = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    return _safetensors({f"t{i}": nothing for i in range(60_000)})


def header_of_empty_dicts() -> bytes:
    return _safetensors(b'{"x":[' + b"{}," * 700_000 + b"{}]}")


def header_of_empty_lists() -> bytes:
    return _safetensors(b'{"__metadata__":[' + b"[]," * 700_000 + b"[]]}")


def tensor_of_long_name() -> bytes:
    return _safetensors({"n" * 10**6: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(4))


def tensor_of_100k_dimensions() -> bytes:
    return _safetensors({"x": {"dtype": "F32", "shape": [1] * 100_000, "data_offsets": [0, 4]}}, bytes(4))


# ---- YOLOv5 models that no file needs

_IDENTITY, _CHAIN, _CONCAT = f"{_LAYERS}linear.Identity", f"{_LAYERS}container.Sequential", f"{_COMMON}Concat"


def _with_layer(odd: Record) -> bytes:
    """The genuine file with its second layer replaced."""
    return changed(GENUINE, lambda model: table(below(model, "model"), "_modules").update({"1": odd}))


def _with_layers(odd: Iterable[Record]) -> bytes:
    """The genuine file with layers put between its last one and its head."""

    def put(model: Record) -> None:
        layers = table(below(model, "model"), "_modules")
        head = layers.pop("24")
        for index, layer in enumerate((*odd, head), 24):
            layers[str(index)] = layer

    return changed(GENUINE, put)


def layers_99k() -> bytes:
    return _with_layers([module(_IDENTITY, f=-1)] * 99_000)


def layers_that_join_thousands() -> bytes:
    """Two thousand layers, each of which joins the same two thousand: four million connections."""
    return _with_layers([module(_CONCAT, f=[0] * 2000, d=1)] * 2000)


def layers_that_add_up_thousands() -> bytes:
    added = Record("builtins.range", (0, 1999, 1))
    return _with_layers([module("models.experimental.Sum", f=[23] * 2000, weight=False, iter=added)] * 45)


def _pools(count: int) -> bytes:
    """So many more layers that do nothing to their input."""
    pool = module(f"{_LAYERS}pooling.MaxPool2d", f=-1, kernel_size=1, stride=1, padding=0, dilation=1)
    table(pool, "").update(ceil_mode=False, return_indices=False)
    return _with_layers([pool] * count)


def operations_6000() -> bytes:
    return _pools(6000)


def operations_3000() -> bytes:
    """As many as may be."""
    return _pools(3000)


def _convolutions(count: int) -> bytes:
    """So many more convolutions, which share a weight."""

    def put(model: Record) -> None:
        layers = table(below(model, "model"), "_modules")
        weight = table(below(model, "model.23.cv3.conv"), "_parameters")["weight"]
        assert isinstance(weight, Tensor)
        channels = weight.shape[0]
        sizes = {"in_channels": channels, "out_channels": channels, "groups": channels, "padding_mode": "zeros"}
        windows = {"kernel_size": (1, 1), "stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}
        kernel = Tensor(weight.storage, weight.offset, (channels, 1, 1, 1), (1, 1, 1, 1))
        odd = module(f"{_LAYERS}conv.Conv2d", f=-1, _parameters={"weight": kernel, "bias": None})
        table(odd, "").update(sizes | windows)
        head = layers.pop("24")
        layers.update({str(24 + i): odd for i in range(count)} | {str(24 + count): head})

    return changed(GENUINE, put)


def convolutions_5000() -> bytes:
    return _convolutions(5000)


def convolutions_3000() -> bytes:
    """As many as may be."""
    return _convolutions(3000)


def layers_inside_one_layer() -> bytes:
    return _with_layer(module(_CHAIN, {str(i): module(f"{_LAYERS}pooling.MaxPool2d") for i in range(9000)}, f=-1))


def module_in_itself() -> bytes:
    knot = module(_CHAIN, f=-1)
    table(knot, "_modules")["0"] = knot
    return _with_layer(knot)


def modules_doubled() -> bytes:
    """Each of sixty holds the next one twice."""
    inner = module(_IDENTITY, f=-1)
    for _ in range(60):
        inner = module(_CHAIN, {"0": inner, "1": inner}, f=-1)
    return _with_layer(inner)


def modules_200_deep() -> bytes:
    inner = module(_IDENTITY, f=-1)
    for _ in range(200):
        inner = module(_CHAIN, {"0": inner}, f=-1)
    return _with_layer(inner)


def modules_5k_deep() -> bytes:
    inner = module(_IDENTITY, f=-1)
    for _ in range(5000):
        inner = module(_CHAIN, {"0": inner}, f=-1)
    return _with_layer(inner)


def one_table_for_all() -> bytes:
    """Thousands of modules that share a table of ten thousand parameters."""
    shared = {str(i): None for i in range(10_000)}

    odd = module(_IDENTITY, f=-1, _parameters=shared)
    return _with_layer(module(_CHAIN, {str(i): odd for i in range(4000)}, f=-1))


def names_of_classes_shared() -> bytes:
    """A hundred thousand classes that are all called by one name of a hundred thousand letters."""

    def name(model: Record) -> None:
        table(model, "")["names"] = ["n" * 100_000] * 100_000
        table(below(model, "model.24"), "")["nc"] = 100_000

    return changed(GENUINE, name)


def module_of_long_name() -> bytes:
    return _with_layer(module(_CHAIN, {"n" * 2000: module(_IDENTITY)}, f=-1))


def module_of_a_long_path() -> bytes:
    inner = module(_IDENTITY)
    for _ in range(50):
        inner = module(_CHAIN, {"n" * 1000: inner}, f=-1)
    return _with_layer(inner)


def nested_attributes() -> bytes:
    """What nobody reads may be as deep as it likes."""

    def nest(model: Record) -> None:
        deep: object = None
        for _ in range(20_000):
            deep = [deep]
        table(model, "")["remembered"] = deep

    return changed(GENUINE, nest)


def _with_weight(change: Callable[[Tensor], Tensor]) -> bytes:
    """The genuine file with the weight of one convolution changed."""

    def put(model: Record) -> None:
        weights = table(below(model, CONV), "_parameters")
        weight = weights["weight"]
        assert isinstance(weight, Tensor)
        weights["weight"] = change(weight)

    return changed(GENUINE, put)


def expanded_weight() -> bytes:
    """All elements are the same one."""
    return _with_weight(lambda weight: Tensor(weight.storage, 0, weight.shape, (0,) * 4))


def complex_weight() -> bytes:
    def change(weight: Tensor) -> Tensor:
        return Tensor(_storage(bytes(8 * weight.numel), DType("complex64", 8)), 0, weight.shape, weight.strides)

    return _with_weight(change)


def _with(path: str, **attributes: object) -> Callable[[], bytes]:
    """The genuine file with attributes of one of its modules changed."""

    def make() -> bytes:
        return changed(GENUINE, lambda model: table(below(model, path) if path else model, "").update(attributes))

    return make


def _with_strides(*strides: float) -> Callable[[], bytes]:
    """The genuine file with the strides of its levels changed, px."""

    def make() -> bytes:
        storage = _storage(struct.pack(f"<{len(strides)}f", *strides), DType("float32", 4))
        tensor = Tensor(storage, 0, (len(strides),), (1,))

        def change(model: Record) -> None:
            for part in (model, below(model, HEAD)):
                table(part, "")["stride"] = tensor

        return changed(GENUINE, change)

    return make


class _Bytes:
    """Bytes in the place of a file."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, offset: int, nbytes: int) -> bytes:
        return self._data[offset : offset + nbytes]


def _storage(data: bytes, dtype: DType) -> Storage:
    """A storage that holds these bytes and is of no file yet."""
    return Storage(cast(WeightsFile, _Bytes(data)), "new", dtype, len(data) // dtype.itemsize, 0)


UPSAMPLE, HEAD, CONV = "model.11", "model.24", "model.1.conv"
VALUES: dict[str, Callable[[], bytes]] = {
    "scale NaN": _with(UPSAMPLE, scale_factor=float("nan")),
    "scale infinite": _with(UPSAMPLE, scale_factor=float("inf")),
    "scale 1e30": _with(UPSAMPLE, scale_factor=1e30),
    "scale 10^90": _with(UPSAMPLE, scale_factor=10**90),
    "stride 0": _with(CONV, stride=(0, 0)),
    "stride of 150 digits": _with(CONV, stride=(10**150, 1)),
    "dilation 2^31": _with(CONV, dilation=(2**31, 2**31)),
    "padding 2^31": _with(CONV, padding=(2**31 - 1, 2**31 - 1)),
    "groups 10^100": _with(CONV, groups=10**100),
    "channels 2^31": _with(CONV, out_channels=2**31 - 1),
    "eps NaN": _with("model.1.bn", eps=float("nan")),
    "two sources": _with(HEAD, f=[17, 20]),
    "sources of text": _with(HEAD, f=["17", "20", "23"]),
    "sources ahead": _with("model.1", f=23),
    "sources far back": _with("model.1", f=-(10**100)),
    "no classes": _with(HEAD, nc=0),
    "10^9 classes": _with(HEAD, nc=10**9),
    "names a number": _with("", names=5),
    "strides 7": _with_strides(7, 14, 28),
    "strides 1000": _with_strides(1000, 1000, 1000),
    "strides 1024": _with_strides(1024, 1024, 1024),
    "strides 0": _with_strides(0, 16, 32),
    "strides NaN": _with_strides(float("nan"), 16, 32),
    "strides infinite": _with_strides(8, 16, float("inf")),
    "strides negative": _with_strides(-8, -16, -32),
}
