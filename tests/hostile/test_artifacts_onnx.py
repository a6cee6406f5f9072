"""ONNX files with wishes that no network has: told in a sentence, within limits, and nothing of the user is touched."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import psutil
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from halfpint.core.errors import ArtifactRefused
from halfpint.core.targets.onnx.untrusted.file import read_onnx
from support import hostile_onnx as hostile
from support.command import HALFPINT
from support.jobs import names
from support.measured import measured

WEIGHTS = Path(__file__).parents[1] / "fixtures/yolov5/master-n.pt"
MIB = 2**20
REFUSED, FAILED, BAD, TOO_LARGE = 3, 1, 2, 4
# What no file here may take: loading a runtime, and several times what reading and running such a file is allowed.
SECONDS, NBYTES = 30, 700 * MIB

# By model: how `verify` and `halve` end, and what both say.
NEVER_LOADED: dict[Callable[[], ModelProto], str] = {
    hostile.loop_told: "loops 4,611,686,018,427,387,904 times",
    hostile.loop_in_a_constant: "loops 4,611,686,018,427,387,904 times",
    hostile.short_data: "declares w as 3×3×1000×1000",
    hostile.overflowing_dims: "declares w as 4294967296×4294967296×3×3",
    hostile.negative_dims: "a tensor of no possible shape",
    hostile.many_dims: "a tensor of no possible shape",
    hostile.unknown_type: "the unknown type 12345",
    hostile.names_of_bytes: "holds names that are not UTF-8",
    hostile.sparse: "too sparse",
    hostile.sparse_constant: "too sparse",
    hostile.many_nodes: "has 150,001 nodes",
    hostile.wide_node: "more than 400,000 parts",
    hostile.laughing_functions: "functions that call each other without end, or too deep",
    hostile.endless_functions: "functions that call each other without end, or too deep",
    hostile.function_of_itself: "functions that call each other without end, or too deep",
    hostile.foreign_operator: "the operator com.microsoft.EPContext",
    hostile.library_operator: "the operator ai.onnx.contrib.PyOp",
    hostile.no_opset: "imports no set of ONNX operators",
}
TRIED: dict[Callable[[], ModelProto], tuple[int, int, str]] = {
    hostile.loop_of_the_image: (REFUSED, REFUSED, "took more than the 2 s of processor time"),
    hostile.loop_without_end: (REFUSED, REFUSED, "took more than the 2 s of processor time"),
    hostile.loops_in_loops: (REFUSED, REFUSED, "took more than the 2 s of processor time"),
    hostile.zeros_told: (REFUSED, REFUSED, ""),
    hostile.zeros_beyond_count: (FAILED, BAD, ""),
    hostile.zeros_of_the_image: (REFUSED, TOO_LARGE, ""),
    hostile.padded: (REFUSED, TOO_LARGE, ""),
    hostile.resized: (REFUSED, TOO_LARGE, ""),
    hostile.ranged: (REFUSED, TOO_LARGE, ""),
    hostile.doubling: (REFUSED, TOO_LARGE, ""),
    hostile.sized: (TOO_LARGE, TOO_LARGE, "WILL NOT FIT"),
    hostile.lying_size: (TOO_LARGE, 0, ""),  # halve tries it at 640×640, whatever it says of itself
    hostile.deep_graphs: (REFUSED, REFUSED, "took more than"),
    hostile.future_opset: (REFUSED, REFUSED, "ONNXRuntimeError"),
    hostile.no_input: (REFUSED, BAD, "the model has 0 inputs"),
    hostile.two_inputs: (REFUSED, BAD, "the model has 2 inputs"),
    hostile.no_output: (FAILED, BAD, ""),
    hostile.strings: (REFUSED, REFUSED, "tensor(string)"),
    hostile.circle: (REFUSED, REFUSED, "not acyclic"),
    hostile.twice: (REFUSED, REFUSED, "Duplicate definition"),
    hostile.negative: (FAILED, 0, ""),  # a dimension below zero is a free one
    hostile.not_a_number: (FAILED, FAILED, ""),
    hostile.infinite: (FAILED, FAILED, ""),
    hostile.sound: (FAILED, 0, ""),  # of other weights
}


@pytest.mark.parametrize("make", NEVER_LOADED, ids=lambda make: make.__name__)
def test_what_no_runtime_gets(make: Callable[[], ModelProto], tmp_path: Path) -> None:
    with pytest.raises(ArtifactRefused) as caught:
        read_onnx(make().SerializeToString(), tmp_path)
    assert NEVER_LOADED[make] in caught.value.what


@pytest.mark.one_in(9)
@pytest.mark.parametrize("command", ["verify", "halve"])
@pytest.mark.parametrize("make", [*TRIED, hostile.loop_told, hostile.many_nodes], ids=lambda make: make.__name__)
def test_each_ends_with_an_honest_code_within_limits(
    make: Callable[[], ModelProto], command: str, tmp_path: Path
) -> None:
    source = tmp_path / "odd.onnx"
    source.write_bytes(make().SerializeToString())
    verify, halve, told = TRIED.get(make) or (REFUSED, REFUSED, NEVER_LOADED[make])
    more = ("--against", WEIGHTS) if command == "verify" else ()
    ended = measured(command, source, *more)
    assert ended.code == (verify if command == "verify" else halve), ended.text
    assert told in ended.text
    assert "Traceback" not in ended.text
    assert "internal" not in ended.text
    assert ended.seconds < SECONDS
    assert ended.nbytes < NBYTES
    published = command == "halve" and halve == 0
    assert set(names(tmp_path)) == {"odd.onnx", *(["odd.fp16.onnx"] if published else [])}


def test_values_that_are_no_numbers_are_a_failure(tmp_path: Path) -> None:
    for make in (hostile.not_a_number, hostile.infinite):
        (tmp_path / "odd.onnx").write_bytes(make().SerializeToString())
        ended = measured("halve", tmp_path / "odd.onnx")
        assert ended.code == 1
        assert "output0 holds values in FP32 that are NaN or infinite" in ended.text


def test_a_key_ends_it_at_any_moment(tmp_path: Path) -> None:
    """Work that is honest, and would take an hour: interrupted, the command ends, and its sandbox with it."""
    (tmp_path / "odd.onnx").write_bytes(hostile.heavy().SerializeToString())
    with subprocess.Popen([HALFPINT, "halve", tmp_path / "odd.onnx"], stderr=subprocess.PIPE, text=True) as process:
        (child,) = _children(process, busy_seconds=6)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert not child.is_running()
    assert list(names(tmp_path)) == ["odd.onnx"]


def _children(process: subprocess.Popen[str], busy_seconds: float) -> list[psutil.Process]:
    """The command's children, once they worked for so many seconds of processor time."""
    limit = time.monotonic() + 300
    while time.monotonic() < limit and process.poll() is None:
        children = psutil.Process(process.pid).children()
        if children and children[0].cpu_times().user > busy_seconds:
            return children
        time.sleep(0.05)
    raise AssertionError(f"it did not get to work (exit code {process.poll()})")


# ---- data in other files

SECRET = b"\x00\x00\x80\x3f" * 9


def outside(tensor: TensorProto, location: str, offset: str = "0") -> TensorProto:
    """A tensor of nine numbers whose data lie in another file."""
    made = TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
    made.data_location = TensorProto.EXTERNAL
    made.external_data.add(key="location", value=location)
    made.external_data.add(key="offset", value=offset)
    return made


def as_weight(location: str, offset: str = "0") -> ModelProto:
    made = hostile.sound()
    made.graph.initializer[0].CopyFrom(outside(made.graph.initializer[0], location, offset))
    return made


def as_constant(location: str) -> ModelProto:
    node = helper.make_node("Constant", [], ["v"], value=outside(hostile.weight(), location))
    return hostile.model([node, helper.make_node("Conv", ["images", "v"], ["output0"])])


def as_list(location: str) -> ModelProto:
    made = hostile.sound()
    attribute = made.graph.node[0].attribute.add(name="odd", type=onnx.AttributeProto.TENSORS)
    attribute.tensors.append(outside(hostile.weight(), location))
    return made


def inside_of_a_branch(location: str) -> ModelProto:
    branch = helper.make_graph([helper.make_node("Conv", ["images", "v"], ["c"])], "b", [], [hostile.port("c")])
    branch.initializer.append(outside(hostile.weight(), location))
    branch.initializer[0].name = "v"
    node = helper.make_node("If", ["true"], ["output0"], then_branch=branch, else_branch=branch)
    return hostile.model([node], [numpy_helper.from_array(np.array(True), "true")])


def inside_of_a_function(location: str) -> ModelProto:
    constant = helper.make_node("Constant", [], ["v"], value=outside(hostile.weight(), location))
    nodes = [constant, helper.make_node("Conv", ["x", "v"], ["y"])]
    function = helper.make_function("own", "f", ["x"], ["y"], nodes, [helper.make_opsetid("", 17)])
    call = helper.make_node("f", ["images"], ["output0"], domain="own")
    return hostile.model([call], domains=["own"], functions=[function])


PLACES = [as_weight, as_constant, as_list, inside_of_a_branch, inside_of_a_function]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder, with a secret beside it, and ways out of it."""
    (tmp_path / "secret.bin").write_bytes(SECRET)
    home = tmp_path / "model"
    home.mkdir()
    (home / "link.bin").symlink_to(tmp_path / "secret.bin")
    (home / "up").symlink_to(tmp_path)
    (home / ".hidden").write_bytes(SECRET)
    (home / "sub").mkdir()
    (home / "short.bin").write_bytes(SECRET[:8])
    os.mkfifo(home / "fifo")
    return home


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("../secret.bin", "is not a plain name in its own folder"),
        ("{outside}", "is not a plain name in its own folder"),
        ("link.bin", "leads outside of its own folder"),
        ("up/secret.bin", "leads outside of its own folder"),
        ("sub/../../secret.bin", "is not a plain name in its own folder"),
        ("..\\secret.bin", "is not a plain name in its own folder"),
        (".hidden", "is not a plain name in its own folder"),
        ("/proc/self/environ", "is not a plain name in its own folder"),
        ("", "is not a plain name in its own folder"),
        ("sub", "cannot be read"),
        ("fifo", "cannot be read"),
        ("none.bin", "No such file"),
        ("short.bin", "end before 36 bytes"),
    ],
)
def test_data_come_from_the_model_s_own_folder_alone(
    place: Callable[[str], ModelProto], location: str, told: str, folder: Path
) -> None:
    made = place(location.format(outside=folder.parent / "secret.bin"))
    with pytest.raises(ArtifactRefused) as caught:
        read_onnx(made.SerializeToString(), folder)
    assert told in caught.value.what


@pytest.mark.parametrize("offset", ["-1", "x", "9" * 4000, "1e3", "9223372036854775807"])
def test_places_in_a_file_that_are_none(offset: str, folder: Path) -> None:
    (folder / "data.bin").write_bytes(SECRET)
    with pytest.raises(ArtifactRefused):
        read_onnx(as_weight("data.bin", offset).SerializeToString(), folder)


@pytest.mark.parametrize("place", [as_weight, as_constant])
def test_what_lies_in_the_current_folder_does_not_get_into_a_file(
    place: Callable[[str], ModelProto], folder: Path
) -> None:
    (folder / "odd.onnx").write_bytes(place("secret.bin").SerializeToString())
    command = [HALFPINT, "halve", "model/odd.onnx"]
    result = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, check=False)
    assert result.returncode == 3
    assert "No such file" in result.stderr
    assert "odd.fp16.onnx" not in names(folder)


def test_data_in_the_model_s_own_folder_are_its_own(folder: Path) -> None:
    (folder / "weights.bin").write_bytes(numpy_helper.to_array(hostile.weight()).tobytes())
    (folder / "right.onnx").write_bytes(as_weight("weights.bin").SerializeToString())
    assert measured("halve", folder / "right.onnx").code == 0
    halved = onnx.load(folder / "right.fp16.onnx")
    assert not any(tensor.external_data for tensor in halved.graph.initializer)


# ---- bytes that are no model


def test_every_cut_and_every_flipped_byte_is_told_or_harmless(tmp_path: Path) -> None:
    whole = hostile.loops_in_loops().SerializeToString()
    for data in (*(whole[:n] for n in range(len(whole))), *map(_flipped(whole), range(len(whole)))):
        try:
            read_onnx(data, tmp_path)
        except ArtifactRefused:
            continue


def _flipped(data: bytes) -> Callable[[int], bytes]:
    return lambda i: data[:i] + bytes([data[i] ^ 0xFF]) + data[i + 1 :]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("command", ["verify", "halve", "inspect", "estimate"])
def test_what_is_no_file_is_not_waited_for(command: str, folder: Path) -> None:
    (folder / "empty.onnx").touch()
    more = ("--against", WEIGHTS) if command == "verify" else ()
    for path in (folder / "fifo", folder / "sub", Path("/dev/zero"), folder / "none.onnx", folder / "empty.onnx"):
        ended = measured(command, path, *more)
        assert ended.code in (2, 3), ended.text
        assert "Traceback" not in ended.text
        assert ended.seconds < SECONDS
