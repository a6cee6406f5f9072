"""Checkpoints are read as data, whole and genuine ones; everything else is refused with its reason."""

from __future__ import annotations

import contextlib
import random
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from halfpint.core.errors import WeightsRefused
from halfpint.core.weights.archive import open_archive
from halfpint.core.weights.names import COMMON, Names
from halfpint.core.weights.parts import tensors_of
from halfpint.core.weights.pickled import Record
from halfpint.core.weights.tensors import Tensor
from support.checkpoints import Checkpoint
from support.zips import archive, pickled

NAMES = COMMON | Names(prefixes=("models.",))


def opened(data: bytes, tmp_path: Path) -> object:
    path = tmp_path / "weights.pt"
    path.write_bytes(data)
    with open_archive(path, NAMES) as found:
        found.check()
        return found.root


def refusal(data: bytes, tmp_path: Path) -> str:
    with pytest.raises(WeightsRefused) as caught:
        opened(data, tmp_path)
    return str(caught.value)


# ---- what is read


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "stream"])
def test_tensors_come_out_as_torch_saved_them(zipped: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    base = torch.randn(4, 6)
    values = {
        "float32": base,
        "float16": base.half(),
        "bfloat16": base.bfloat16(),
        "float64": base.double(),
        "int64": torch.arange(5),
        "bool": torch.tensor([True, False]),
        "scalar": torch.tensor(3.5),
        "empty": torch.empty(0, 3),
        "transposed": base.t(),
        "slice": base[1:3, 2:],
        "parameter": torch.nn.Parameter(base.clone()),
    }
    path = tmp_path / "values.pt"
    torch.save(values, path, _use_new_zipfile_serialization=zipped)
    with open_archive(path, NAMES) as found:
        found.check()
        assert found.layout == ("zip" if zipped else "stream")
        assert isinstance(found.root, dict)
        assert list(found.root) == list(values)
        for name, tensor in values.items():
            read = found.root[name]
            assert isinstance(read, Tensor)
            assert read.shape == tuple(tensor.shape)
            wanted = tensor.detach().float() if name == "bfloat16" else tensor.detach()
            np.testing.assert_array_equal(read.array(), wanted.numpy())
        assert found.root["float16"].values() == base.half().flatten().tolist()


def test_plain_values_and_containers(tmp_path: Path) -> None:
    values = {"a": [1, 2.5, "drei", None, True], "b": (1, (2, 3)), 7: {"x": {-(2**40), 5}}, "c": b"bytes", "d": 2**80}
    path = tmp_path / "values.pt"
    torch.save(values, path)
    with open_archive(path, NAMES) as found:
        assert isinstance(found.root, dict)
        # A set is kept as a list.
        assert sorted(found.root[7].pop("x")) == [-(2**40), 5]
        assert found.root == {**values, 7: {}, "c": found.root["c"]}


def test_files_whose_checksums_were_not_computed(tmp_path: Path) -> None:
    path = tmp_path / "values.pt"
    computed = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"x": torch.ones(3)}, path)
    finally:
        torch.serialization.set_crc32_options(computed)
    with open_archive(path, NAMES) as found:
        found.check()
        assert [t.values() for t in tensors_of(found.root)] == [[1.0, 1.0, 1.0]]


def test_every_tensor_of_a_genuine_checkpoint(checkpoint: Checkpoint) -> None:
    with open_archive(checkpoint.path, NAMES) as found:
        found.check()
        tensors = list(tensors_of(found.root))
        assert len(tensors) > 150
        for tensor in tensors:
            assert tensor.nbytes <= tensor.storage.nbytes
            assert np.isfinite(tensor.array()).all()


# ---- what is hostile


@pytest.mark.parametrize(
    "call",
    [b"cos\nsystem\n", b"cposix\nsystem\n", b"cbuiltins\neval\n", b"c__builtin__\nexec\n", b"csubprocess\nPopen\n"],
)
def test_a_call_is_refused_by_its_name_and_not_made(call: bytes, tmp_path: Path) -> None:
    sentinel = tmp_path / "sentinel"
    body = call + b"(X" + struct.pack("<I", len(f"touch {sentinel}")) + f"touch {sentinel}".encode() + b"tR"
    name = call[1:-1].replace(b"\n", b".").decode()
    assert name in refusal(pickled(body), tmp_path)
    assert not sentinel.exists()


def test_a_call_of_an_admitted_name_stays_a_record(tmp_path: Path) -> None:
    root = opened(pickled(b"cmodels.common\nos.system\n(X\x02\x00\x00\x00lstR"), tmp_path)
    assert isinstance(root, Record)
    assert (root.name, root.args) == ("models.common.os.system", ("ls",))


def test_stack_global_inst_and_obj_are_held_to_the_same_list(tmp_path: Path) -> None:
    stack_global = b"X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93X\x02\x00\x00\x00ls\x85R"
    for body in (stack_global, b"(X\x02\x00\x00\x00lsios\nsystem\n", b"(cos\nsystem\nX\x02\x00\x00\x00lso"):
        assert "os.system" in refusal(pickled(body), tmp_path)


def test_a_memo_index_of_four_billion_takes_no_memory(tmp_path: Path) -> None:
    assert opened(pickled(b"Nr\xff\xff\xff\xff"), tmp_path) is None


def test_a_key_that_takes_for_ever_to_hash_is_refused(tmp_path: Path) -> None:
    # A tuple of the last tuple twice, sixty deep: 2⁶⁰ leaves, and a dict would hash them all.
    doubled = b"N" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(60))
    assert "as a dict key" in refusal(pickled(b"}" + doubled + b"Ns"), tmp_path)


@pytest.mark.parametrize("body", [b"", b"(", b"0", b"\x85", b"R", b"h\x05", b"]Na0a", b"Nb", b"}Ns", b"cx\n"])
def test_a_pickle_that_does_not_add_up_is_damaged(body: bytes, tmp_path: Path) -> None:
    assert "damaged" in refusal(pickled(body), tmp_path)


def test_opcodes_that_torch_does_not_write(tmp_path: Path) -> None:
    assert "EXT1" in refusal(pickled(b"\x82\x01"), tmp_path)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_opcodes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    with contextlib.suppress(WeightsRefused):
        opened(pickled(body), tmp_path_factory.getbasetemp())


TENSOR = (
    b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
    b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK%ctQ%s(K%ctp1\n(K%ctp2\n\x89}tR"
)


def tensor_file(
    numel: int = 4, offset: bytes = b"K\x00", size: int = 4, stride: int = 1, data: bytes = bytes(16)
) -> bytes:
    body = TENSOR % (numel, offset, size, stride)
    return archive({"data.pkl": b"\x80\x02" + body + b".", "byteorder": b"little", "data/0": data})


def test_a_sound_tensor_by_hand(tmp_path: Path) -> None:
    assert isinstance(opened(tensor_file(), tmp_path), Tensor)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (tensor_file(offset=b"K\x01"), "reaches element 4, its storage has 4"),
        (tensor_file(size=5), "reaches element 4"),
        (tensor_file(stride=2), "reaches element 6"),
        (tensor_file(offset=b"J\xff\xff\xff\xff"), "malformed"),
        (tensor_file(offset=b"\x8a\x09" + b"\xff" * 8 + b"\x00"), "malformed"),
        (tensor_file(numel=5), "the file holds 16 bytes"),
        (tensor_file(data=bytes(12)), "the file holds 12 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_tensor_beyond_its_storage(file: bytes, reason: str, tmp_path: Path) -> None:
    assert reason in refusal(file, tmp_path)


def test_a_tensor_that_repeats_elements_is_never_expanded(tmp_path: Path) -> None:
    path = tmp_path / "expanded.pt"
    torch.save(torch.ones(1).expand(2**40), path)
    with open_archive(path, NAMES) as found:
        (tensor,) = tensors_of(found.root)
        with pytest.raises(WeightsRefused, match="repeats its elements"):
            tensor.array()


# ---- what is damaged, or something else


def test_a_truncated_file_at_twenty_points(tiny: Path, tmp_path: Path) -> None:
    data = tiny.read_bytes()
    for i in range(20):
        assert refusal(data[: len(data) * i // 20 + (i == 0)], tmp_path)


def test_a_truncated_stream_at_twenty_points(tmp_path: Path) -> None:
    path = tmp_path / "stream.pt"
    torch.save({"x": torch.ones(50), "y": torch.ones(60)}, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    for i in range(20):
        assert refusal(data[: len(data) * i // 20 + (i == 0)], tmp_path)


def test_a_flipped_byte_anywhere_is_noticed(tiny: Path, tmp_path: Path) -> None:
    data = tiny.read_bytes()
    with zipfile.ZipFile(tiny) as listing:
        infos = {info.filename.split("/", 1)[1]: info for info in listing.infolist()}
    dice = random.Random(0)
    for name in ("data.pkl", "data/0", "data/100"):
        info = infos[name]
        start = (
            info.header_offset + 30 + sum(struct.unpack("<HH", data[info.header_offset + 26 : info.header_offset + 30]))
        )
        for _ in range(5):
            place = start + dice.randrange(info.file_size)
            flipped = data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]
            assert "does not match its checksum" in refusal(flipped, tmp_path)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04 and no more", "cut short or damaged"),
        (archive({"weights.txt": b"hello"}), "a zip without a data.pkl"),
        (archive({"data.pkl": b"\x80\x02N.", "constants.pkl": b"\x80\x02)."}), "TorchScript"),
        (archive({"data.pkl": b"\x80\x02N."}, zipfile.ZIP_DEFLATED), "is compressed"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html>not found</html>", "a web page"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x80\x04\x95\x00", "a pickle that torch did not write"),
        (b"\x08\x08\x12\x07pytorch", "it begins with the bytes 08 08 12 07"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_files_that_are_no_checkpoint(data: bytes, reason: str, tmp_path: Path) -> None:
    assert reason in refusal(data, tmp_path)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(WeightsRefused, match="does not exist"):
        open_archive(tmp_path / "none.pt", NAMES)
    with pytest.raises(WeightsRefused, match="is a folder"):
        open_archive(tmp_path, NAMES)


def test_checkpoints_of_the_ultralytics_package_are_recognised(tmp_path: Path) -> None:
    reason = refusal(pickled(b"cultralytics.nn.tasks\nDetectionModel\n)\x81"), tmp_path)
    assert "YOLOv8" in reason
    assert "not supported yet" in reason
