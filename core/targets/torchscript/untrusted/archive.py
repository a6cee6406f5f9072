"""A TorchScript file read as data, and written anew of what was read: the bytes that torch is given.

torch finds a record by its own zip reader, runs a class's `__setstate__` while it unpickles, and believes what a pickle
says of a tensor's size. So every record is read here, the code and the pickles are held against their lists, and the
new archive holds what was looked at and nothing else: a second directory, a hidden record or one that two readers see
differently does not get there.
"""

from __future__ import annotations

import contextlib
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import cast

from ....errors import ArtifactRefused, WeightsRefused
from ....untrusted import printable
from ....weights.budget import Budget
from ....weights.file import WeightsFile
from ....weights.meaning import Locate, TorchMeaning
from ....weights.names import Names, storage_class
from ....weights.pickled import Name, Record, read_pickle
from ....weights.tensors import DType, Storage
from .code import MAX_CODE_NBYTES, Declared, check_code

# YOLOv9t's file has 1,698 records, the most of fifty; their pickles have up to 82 kB.
_MAX_RECORDS, MAX_PICKLE_NBYTES, MAX_TEXT_NBYTES = 20_000, 4 * 2**20, 2**20
_CODE = re.compile(r"code/(__torch__(?:/[A-Za-z0-9_]+)*)\.py")
_DATA = re.compile(r"(?:data|constants)/[0-9]+")
PICKLES = ("data.pkl", "constants.pkl")
# Read by nobody here, or of no use to run a network: source lines, the example that was traced, identities.
_LEFT_OUT = re.compile(
    r"code/.*\.debug_pkl|traced_inputs\.pkl|traced_inputs/[0-9]+|\.data/serialization_id|\.storage_alignment"
    r"|\.format_version|extra/(?!config\.txt$).*"
)
_TEXTS = ("version", "byteorder", "extra/config.txt")  # the last is what an exporter says of the file, in JSON
# What torch's unpickler builds by itself, beside the classes that the code declares.
BUILT = Names(
    frozenset(
        [
            "collections.OrderedDict",
            "torch._utils._rebuild_tensor_v2",
            "torch.jit._pickle.build_boollist",
            "torch.jit._pickle.build_doublelist",
            "torch.jit._pickle.build_intlist",
            "torch.jit._pickle.build_tensorlist",
            "torch.jit._pickle.restore_type_tag",
        ]
    )
)


def checked_torchscript(data: bytes) -> bytes:
    """The archive, written anew of what torch needs.

    Raises `ArtifactRefused` with the name of what may not be in it.
    """
    with refusing_damage(), zipfile.ZipFile(io.BytesIO(data)) as archive:
        return _written(_kept(archive, records_of(archive)))


@contextlib.contextmanager
def refusing_damage() -> Iterator[None]:
    """Whatever is wrong with an archive or its pickles is `ArtifactRefused`."""
    try:
        yield
    except WeightsRefused as error:
        raise ArtifactRefused(error.what, error.fix) from error
    except (zipfile.BadZipFile, zlib.error, struct.error, OSError, ValueError, RuntimeError, EOFError) as error:
        raise ArtifactRefused(
            f"the archive is cut short or damaged ({printable(str(error))})", "copy or export the file again"
        ) from error


def records_of(archive: zipfile.ZipFile) -> Mapping[str, zipfile.ZipInfo]:
    """The records by their name without the archive's own. Raises `ArtifactRefused` for two of one name."""
    infos = archive.infolist()
    if len(infos) > _MAX_RECORDS:
        raise ArtifactRefused(f"it has {len(infos):,} records, and the largest networks have some thousand")
    prefix = f"{infos[0].filename.partition('/')[0]}/" if infos else ""
    records: dict[str, zipfile.ZipInfo] = {}
    folded: set[str] = set()  # torch's reader does not tell capitals from small letters
    for info in infos:
        name = info.filename.removeprefix(prefix)
        if not info.filename.startswith(prefix) or name.lower() in folded:
            raise ArtifactRefused(f"the record {printable(info.filename)} is there twice, or of another archive")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ArtifactRefused(f"its {printable(name)} is compressed in a way that torch does not read")
        folded.add(name.lower())
        records[name] = info
    for name in PICKLES:
        if name not in records:
            raise ArtifactRefused(f"it is a zip without {name}: no TorchScript file", "name an exported file")
    return records


def _kept(archive: zipfile.ZipFile, records: Mapping[str, zipfile.ZipInfo]) -> Mapping[str, bytes]:
    """The records that torch needs, by name; each was read and held against its list."""
    kept: dict[str, bytes] = {}
    sources: dict[str, str] = {}
    code_nbytes = 0
    for name, info in records.items():
        if code := _CODE.fullmatch(name):
            kept[name] = read_record(archive, info, MAX_CODE_NBYTES - code_nbytes, "code")
            code_nbytes += len(kept[name])
            sources[code[1].replace("/", ".")] = kept[name].decode("ascii", errors="replace")
        elif name in PICKLES:
            kept[name] = read_record(archive, info, MAX_PICKLE_NBYTES, "pickles")
        elif _DATA.fullmatch(name):
            if info.compress_type != zipfile.ZIP_STORED:
                raise ArtifactRefused(f"its {name} is compressed, which torch does not do")
            kept[name] = read_record(archive, info, info.compress_size, "tensors")
        elif name in _TEXTS:
            kept[name] = read_record(archive, info, MAX_TEXT_NBYTES, "text")
        elif not _LEFT_OUT.fullmatch(name):
            raise ArtifactRefused(f"it holds {printable(name)}, which no exporter of TorchScript writes")
    declared = check_code(sources)
    budget = Budget(sum(map(len, kept.values())))
    for name in PICKLES:
        _check_pickle(kept, name, declared, budget)
    return kept


def read_record(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int, what: str) -> bytes:
    """A record's bytes, at most `limit`, compared with their checksum."""
    with archive.open(info) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit or info.file_size > limit:
        raise ArtifactRefused(f"its {what} has more than {limit:,} bytes in {printable(info.filename)}")
    return data


def _check_pickle(kept: Mapping[str, bytes], name: str, declared: Declared, budget: Budget) -> None:
    """Read a pickle with the inert machine: known names alone, and every tensor inside of its record.

    Raises `WeightsRefused`, in the words of a checkpoint's reader.
    """
    folder = name.removesuffix(".pkl")

    def locate(key: str, dtype: DType, numel: int) -> Storage:
        found = len(kept.get(f"{folder}/{key}", b""))
        if numel * dtype.itemsize > found:
            raise WeightsRefused(f"the tensor data {printable(key)} has {found} bytes, {numel} × {dtype} are declared")
        # The tensor is compared with its record here, and never read.
        return Storage(cast(WeightsFile, None), key, dtype, numel, offset=0)

    read_pickle(kept[name], _Meaning(declared, locate, budget), budget)


class _Meaning(TorchMeaning):
    """A TorchScript file's pickles: tensors, and objects of the classes that its code declares."""

    def __init__(self, declared: Declared, locate: Locate, budget: Budget) -> None:
        super().__init__(BUILT, locate, budget)
        self._declared = declared

    def admit(self, name: str) -> Name:
        if name not in BUILT and name not in self._declared.classes and not storage_class(name):
            raise ArtifactRefused(
                f"its pickles name {printable(name)}, which its code does not declare",
                "nothing of it was run; do not load this file elsewhere unless you trust its author",
            )
        return Name(name)

    def call(self, name: str, args: tuple[object, ...]) -> object:
        return super().call(name, args) if name in BUILT else Record(name, args)


def _written(kept: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in kept.items():
            archive.writestr(f"archive/{name}", data)
    return buffer.getvalue()
