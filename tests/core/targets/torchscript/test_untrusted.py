"""What of a TorchScript file may get to torch: code that names listed operators alone, and harmless pickles."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from halfpint.core.errors import ArtifactRefused
from halfpint.core.targets.torchscript.untrusted.archive import checked_torchscript
from halfpint.core.targets.torchscript.untrusted.operators import METHODS, OPERATORS, OTHER_OPERATORS
from support import torchscript
from support.torchscript import coded, records, written

IMAGE = torch.rand(1, 3, 8, 8)


class Scripted(torch.nn.Module):
    """Layers whose scripted code has functions, raised errors and loops."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3, padding=1),
            torch.nn.BatchNorm2d(4),
            torch.nn.ReLU(inplace=True),
            torch.nn.MaxPool2d(2),
            torch.nn.Upsample(scale_factor=2.0),
            torch.nn.ConvTranspose2d(4, 2, 2, 2),
            torch.nn.Hardswish(),
            torch.nn.Dropout(0.1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(self.body(x), scale_factor=0.5, mode="bilinear")


# ---- what exporters write


@pytest.mark.parametrize("make", [torchscript.traced, lambda: torchscript.scripted(Scripted().eval())])
def test_what_torch_writes_comes_through_and_answers_the_same(make: Callable[[], bytes]) -> None:
    data = make()
    before, after = (torch.jit.load(io.BytesIO(each)) for each in (data, checked_torchscript(data)))
    assert torch.equal(before(IMAGE), after(IMAGE))


def test_of_the_archive_what_torch_needs_is_left() -> None:
    data = written({**records(torchscript.traced()), "extra/config.txt": b"{}", "extra/other.txt": b"?"})
    kept = records(checked_torchscript(data))
    assert not any(name.endswith(".debug_pkl") or "traced_inputs" in name for name in kept)
    assert kept["extra/config.txt"] == b"{}"
    assert "extra/other.txt" not in kept


def test_every_listed_operator_exists_and_touches_no_file() -> None:
    schemas = torch._C._jit_get_all_schemas()  # pyright: ignore[reportPrivateUsage]
    known = {schema.name for schema in schemas}
    listed = {f"aten::{name}" for name in OPERATORS} | {name.replace(".", "::") for name in OTHER_OPERATORS}
    assert listed <= known
    for schema in schemas:
        if schema.name in listed:
            assert not {"filename", "generator"} & {argument.name for argument in schema.arguments}


# ---- code that is refused, with the name of what it calls

ATTACKS = {
    'y = torch.from_file("/etc/passwd", True, 16)': "torch.from_file",
    "torch.save(x, 'f')": "is not as torch writes it",
    'torch.save(x, "f")': "torch.save",
    'y = x.from_file("f", True, 16)': "from_file",
    'y = torch . from_file("f", True, 16)': "torch.from_file",
    'y = (torch).from_file("f", True, 16)': "names torch",
    'y = ops.aten.from_file("f", True, 16)': "ops.aten.from_file",
    "y = ops.image.read_file(x)": "ops.image.read_file",
    "y = ops.prim.Print(x)": "ops.prim.Print",
    't = torch\nt.save(x, "f")': "names torch",
    'o = ops\no.aten.save(x, "f")': "names ops",
    'f = torch.save\nf(x, "f")': "torch.save",
    "f = print\nf(x)": "calls f",
    "_0 = print\n_0(x)": "calls _0",
    "print(x)": "calls print",
    "y = fork(self.forward, x)": "calls fork",
    'getattr(torch, "save")(x, "f")': 'looks for "save" in torch',
    'y = getattr(x, "save")': "reads the attribute save",
    'y = getattr(self, "weight").save("f")': "calls the operator save",
    "y = [x][0](x)": "calls what is not a name",
    "y = (x.add)(x)": "reads the attribute add",
    'y = """ " torch.save(x) """': "is not as torch writes it",
    'y = "\\" torch.save(x)': "is not as torch writes it",
    "# torch\n": "is not as torch writes it",
    "y = lambda: x": "uses lambda",
    "with x:\n  pass": "uses with",
    "while True:\n  pass": "uses while",
    "import os": "uses import",
    "y = torch.rand([1])": "torch.rand",
    "y = torch.manual_seed(1)": "torch.manual_seed",
    "y = x.set_(x)": "set_",
    "y = x.resize_([1000000])": "resize_",
    "y = torch.as_strided(x, [1], [1], 100)": "torch.as_strided",
    "y = __torch__.torch.classes.quantized.LinearPackedParamsBase": "which is not in the file",
    "y = __torch__.os.system": "which is not in the file",
    "y = unchecked_cast(__torch__.M, x)": "takes a value for a __torch__",
    "y = unchecked_cast(Tuple[Tensor, Tensor], x)": "takes a value for a Tuple",
    "y = uninitialized(List[__torch__.M])": "takes a value for a __torch__",
    "y = CONSTANTS.c0()": "CONSTANTS.c0",
    "y = x.__class__": "reads the attribute __class__",
    f"y = {'(' * 200}x{')' * 200}": "nested deeper",
    f"{'y' * 300} = x": "a name of 300 letters",
    "y = x\u00e9": "is not as torch writes it",
}


@pytest.mark.parametrize(("body", "told"), ATTACKS.items(), ids=map(repr, ATTACKS))
def test_code_is_refused_with_what_it_calls(body: str, told: str) -> None:
    with pytest.raises(ArtifactRefused, match=re.escape(told)) as caught:
        checked_torchscript(coded(body))
    assert caught.value.exit_code == 3


METHOD = "def {name}(self: __torch__.M, x: Tensor) -> Tensor:\n  return x"


@pytest.mark.parametrize("name", ["__setstate__", "__getstate__", "__init__", "copy_", "save", "_private"])
def test_methods_that_run_by_themselves_or_pass_for_operators(name: str) -> None:
    with pytest.raises(ArtifactRefused, match=f"defines {name}"):
        checked_torchscript(coded(declared=METHOD.format(name=name)))


@pytest.mark.parametrize("line", ["class M(Interface):", "class M(Enum):", "class M:", "class M(Module, X):"])
def test_classes_of_other_kinds(line: str) -> None:
    with pytest.raises(ArtifactRefused, match=r"declares a class|declares the class M"):
        checked_torchscript(coded(code=torchscript.CODE.format(declared="", body="").replace("class M(Module):", line)))


def test_sources_beside_the_main_one_are_read_too() -> None:
    evil = 'def f(x: Tensor) -> Tensor:\n  torch.save(x, "f")\n  return x\n'
    with pytest.raises(ArtifactRefused, match=r"torch\.save"):
        checked_torchscript(coded(**{"__torch__/helpers.py": evil}))


def test_classes_in_the_place_of_torch_s_own() -> None:
    """torch takes a class of this package for its own, in C++, and hands it whatever the pickle says."""
    code = "class Conv2dPackedParamsBase(Module):\n  x : Tensor\n"
    with pytest.raises(ArtifactRefused, match="whose classes are torch's own"):
        checked_torchscript(coded(**{"__torch__/torch/classes/quantized.py": code}))


def test_a_function_of_the_file_may_be_called_by_a_name_that_stands_for_nothing_else() -> None:
    helper = {"__torch__/helpers.py": "def f(x: Tensor) -> Tensor:\n  return torch.neg(x)\n"}
    module = torch.jit.load(io.BytesIO(checked_torchscript(coded("_0 = __torch__.helpers.f\nx = _0(x, )", **helper))))
    assert torch.equal(module(torch.ones(1)), -torch.ones(1))
    for body in (
        "_0 = __torch__.helpers.f\n_0 = print\nx = _0(x, )",
        "_0 = __torch__.helpers.f\nif True:\n  _0 = print\nx = _0(x, )",
        "_0 = __torch__.helpers.g\nx = _0(x, )",
    ):
        with pytest.raises(ArtifactRefused):
            checked_torchscript(coded(body, **helper))


# What torch compiles of code that was let through, beside operators of the list.
_HARMLESS = re.compile(
    r"prim::(Constant|GetAttr|SetAttr|CallMethod|CallFunction|If|Loop|ListConstruct|TupleConstruct|TupleUnpack"
    r"|ListUnpack|TupleIndex|DictConstruct|RaiseException|Uninitialized|unchecked_cast|NumToTensor|device|dtype|layout"
    r"|is_cuda|max|min|abs|data|unchecked_unwrap_optional|itemsize|isinstance|Return|Param|CreateObject)"
)
_ROOTS = ["torch", "(torch)", "ops.aten", "ops.prim", "x", "self", "self.weight", "f", "[x][0]", '"" "']
_FIELDS = ["add", "relu_", "sum", "save", "from_file", "rand", "weight", "Print", "manual_seed", "forward", "aten"]
_FORMS = ["{}.{}", "{} . {}", "({}.{})", 'getattr({}, "{}")', "[{}.{}][0]", "{}.{}.add"]
_ARGUMENTS = ["", "()", "(x)", "(x, )", "(x, x)", "([1])", "(1)", '(x, "f")', '("f", True, 1)']
_LINES = ["{}", "y = {}", "f = {}", "f, y = ({}, x)", "y = torch.add(x, {})", "for f in [{}]:\n  x = x", "x = [{}][0]"]
_NAMED = st.sampled_from(
    ["torch", "ops", "x", "print", "fork", "f", "f(x)", "print(x)", "_0", "_0(x)", "fork(self, x)"]
)
_CALLS = st.tuples(*map(st.sampled_from, (_FORMS, _ROOTS, _FIELDS, _ARGUMENTS))).map(
    lambda parts: parts[0].format(*parts[1:3]) + parts[3]
)
_STATEMENTS = st.tuples(st.sampled_from(_LINES), _CALLS | _NAMED).map(lambda pair: pair[0].format(pair[1]))


def _kinds(block: torch._C.Block | torch._C.Graph) -> Iterator[str]:
    for node in block.nodes():
        yield node.kind()
        for inner in node.blocks():
            yield from _kinds(inner)


@settings(max_examples=1000)
@given(st.lists(_STATEMENTS, min_size=1, max_size=3))
def test_whatever_is_let_through_compiles_to_listed_operators_alone(statements: list[str]) -> None:
    """torch's own compiler is the judge: of code made of pieces of attacks, it finds nothing that is not listed."""
    try:
        checked = checked_torchscript(coded("\n".join(statements)))
        module = torch.jit.load(io.BytesIO(checked))
    except (ArtifactRefused, RuntimeError):  # refused here, or no code at all
        return
    for name in module._c._method_names():  # pyright: ignore[reportPrivateUsage]
        for kind in _kinds(module._c._get_method(name).graph):  # pyright: ignore[reportPrivateUsage]
            listed = kind.startswith("aten::") and kind.removeprefix("aten::") in OPERATORS
            assert listed or _HARMLESS.fullmatch(kind), kind


# ---- pickles


def pickled(opcodes: bytes) -> bytes:
    """The small file with another `data.pkl`."""
    return written({**records(coded()), "data.pkl": opcodes})


@pytest.mark.parametrize(
    ("opcodes", "told"),
    [
        (b"\x80\x02cposix\nsystem\n(X\x02\x00\x00\x00lstR.", "posix.system"),
        (b"\x80\x02cbuiltins\neval\n(X\x01\x00\x00\x001tR.", "builtins.eval"),
        (b"\x80\x02c__torch__\nOther\n)\x81}b.", "__torch__.Other"),
        (b"\x80\x02c__torch__.torch.classes.quantized\nConv2dPackedParamsBase\n)\x81}b.", "Conv2dPackedParamsBase"),
        (b"\x80\x02" + b"]" * 10 + b"a" * 30 + b".", "damaged"),
        (b"\x80\x02" + b"(" * 100_000 + b".", "damaged"),
        (b"", "damaged"),
    ],
)
def test_pickles_name_the_code_s_classes_alone(opcodes: bytes, told: str) -> None:
    with pytest.raises(ArtifactRefused, match=re.escape(told)):
        checked_torchscript(pickled(opcodes))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"cpuK\x01tQ", b"cpuM\xff\xfftQ"),  # a storage of 65,535 elements, of which the record has one
        (b"tQK\x00(K\x01t(K\x01t", b"tQK\x01(K\x01t(K\x01t"),  # a tensor that begins behind the storage
        (b"tQK\x00(K\x01t(K\x01t", b"tQK\x00(K\x09t(K\x01t"),  # or ends there
        (b"tQK\x00(K\x01t(K\x01t", b"tQK\x00(K\x02t(M\xff\xfft"),
    ],
)
def test_tensors_stay_inside_of_their_records(old: bytes, new: bytes) -> None:
    opcodes = records(coded())["data.pkl"]
    assert old in opcodes
    with pytest.raises(ArtifactRefused, match=r"declared|reaches element"):
        checked_torchscript(pickled(opcodes.replace(old, new)))


# ---- archives


@pytest.mark.parametrize(
    "name",
    ["bytecode.pkl", "model.so", ".data/extern_modules", "code/run.sh", "code/__torch__/../x.py", "attributes.pkl"],
)
def test_records_that_no_exporter_writes(name: str) -> None:
    with pytest.raises(ArtifactRefused, match=re.escape(name)):
        checked_torchscript(written({**records(coded()), name: b"?"}))


@pytest.mark.parametrize("name", ["code/__torch__.py", "code/__TORCH__.py", "DATA.pkl"])
def test_two_records_of_one_name(name: str) -> None:
    with pytest.raises(ArtifactRefused, match="is there twice"):
        checked_torchscript(written(records(coded()), (name, b"?")))


def test_records_of_another_archive() -> None:
    data = coded()
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("other/code/__torch__.py", b"?")
    with pytest.raises(ArtifactRefused, match="of another archive"):
        checked_torchscript(buffer.getvalue())


def test_bombs_are_not_unpacked() -> None:
    parts = records(coded())
    for name in ("code/__torch__.py", "data.pkl", "version"):
        bomb = written({**parts, name: bytes(64 * 2**20)}, compressed=frozenset([name]))
        with pytest.raises(ArtifactRefused, match="has more than"):
            checked_torchscript(bomb)
    with pytest.raises(ArtifactRefused, match="compressed, which torch does not do"):
        checked_torchscript(written({**parts, "data/0": bytes(2**20)}, compressed=frozenset(["data/0"])))


def test_damaged_archives() -> None:
    data = coded()
    for cut in range(0, len(data), 37):
        with pytest.raises(ArtifactRefused):
            checked_torchscript(data[:cut])
    for place in range(0, len(data), 11):
        flipped = bytearray(data)
        flipped[place] ^= 0xFF
        try:
            checked_torchscript(bytes(flipped))
        except ArtifactRefused:
            continue


def test_what_the_first_of_two_directories_hides_does_not_get_to_torch() -> None:
    """A file that is two archives, one behind the other: whichever a reader finds, torch is given the one looked at."""
    evil, good = coded('torch.save(x, "f")'), coded()
    kept = records(checked_torchscript(evil + good))
    assert b"save" not in kept["code/__torch__.py"]
    with pytest.raises(ArtifactRefused, match=r"torch\.save"):
        checked_torchscript(good + evil)


def test_checksums_are_compared() -> None:
    parts = records(coded())
    data = written(parts)
    place = data.index(parts["data/0"])
    damaged = data[:place] + struct.pack("<f", 2.0) + data[place + 4 :]
    assert zlib.crc32(struct.pack("<f", 2.0)) != zlib.crc32(parts["data/0"])
    with pytest.raises(ArtifactRefused, match="damaged"):
        checked_torchscript(damaged)


def test_methods_of_the_list_are_no_operators() -> None:
    names = {schema.name for schema in torch._C._jit_get_all_schemas()}  # pyright: ignore[reportPrivateUsage]
    assert not {f"aten::{name}" for name in METHODS} & names
