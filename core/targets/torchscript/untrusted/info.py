"""What a TorchScript file tells of itself: its archive and pickles are read as data, its code as text."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import cast

from ....errors import ArtifactRefused, WeightsRefused
from ....untrusted import printable
from ....weights.budget import MAX_NESTING, VISITS, Budget
from ....weights.file import WeightsFile
from ....weights.meaning import TorchMeaning
from ....weights.names import storage_class
from ....weights.pickled import Name, Record, read_pickle
from ....weights.tensors import DType, Storage, Tensor
from ...artifact_info import ArtifactInfo, StoredTensor, Tally
from .archive import BUILT, MAX_PICKLE_NBYTES, MAX_TEXT_NBYTES, PICKLES, read_record, records_of, refusing_damage
from .code import MAX_CODE_NBYTES

_CODE = re.compile(r"code/.*\.py")
# What torch's printer writes for an operator: `torch.conv2d(`, `ops.prim.NumToTensor(`.
_CALL = re.compile(r"\b(?:torch|ops(?:\.[A-Za-z0-9_]+)+)\.([A-Za-z_][A-Za-z0-9_]*)\(")
_CONFIG, _NOTES = "extra/config.txt", (".debug_pkl", "traced_inputs.pkl")
_Records = Mapping[str, zipfile.ZipInfo]


def torchscript_info(data: bytes) -> ArtifactInfo:
    """The facts of a file. Operators are counted as often as the code calls them; which weights each reads is not told.

    Raises `ArtifactRefused` for what is no TorchScript file, or declares more than it holds.
    """
    with refusing_damage(), zipfile.ZipFile(io.BytesIO(data)) as archive:
        records = records_of(archive)
        tally = Tally()
        budget = Budget(len(data))
        for name in PICKLES:
            root = _unpickled(archive, records, name, budget)
            tally.tensors += _stored(root, name.removesuffix(".pkl"), budget)
        tally.nodes.update(_calls(archive, records))
        config = _config(archive, records)
        version = read_record(archive, records["version"], MAX_TEXT_NBYTES, "text") if "version" in records else b""
    return ArtifactInfo(
        producer=config.get("producer", ""),
        inputs=(),
        outputs=(),
        facts={"archive version": version.decode("ascii", "replace").strip()} if version else {},
        properties=config,
        dtypes=tally.dtypes(),
        operators=tally.operators(),
        largest=tally.largest(),
        tensors=len(tally.tensors),
        notes=sum(info.compress_size for name, info in records.items() if name.endswith(_NOTES)),
    )


def _unpickled(archive: zipfile.ZipFile, records: _Records, name: str, budget: Budget) -> object:
    """What a pickle describes. Every tensor in it lies inside of its record."""
    folder = name.removesuffix(".pkl")

    def locate(key: str, dtype: DType, numel: int) -> Storage:
        record = records.get(f"{folder}/{key}")
        found = record.compress_size if record is not None else 0
        if numel * dtype.itemsize > found:
            raise WeightsRefused(f"the tensor data {printable(key)} has {found} bytes, {numel} × {dtype} are declared")
        return Storage(cast(WeightsFile, None), key, dtype, numel, offset=0)  # it is never read

    return read_pickle(
        read_record(archive, records[name], MAX_PICKLE_NBYTES, "pickles"), _Meaning(locate, budget), budget
    )


class _Meaning(TorchMeaning):
    """A TorchScript file's pickles: tensors, and objects of classes of its own, whatever those do."""

    def __init__(self, locate: Callable[[str, DType, int], Storage], budget: Budget) -> None:
        super().__init__(BUILT, locate, budget)

    def admit(self, name: str) -> Name:
        if name not in BUILT and not name.startswith("__torch__.") and not storage_class(name):
            raise ArtifactRefused(
                f"its pickles name {printable(name)}, which is no class of its own",
                "nothing of it was run; do not load this file elsewhere unless you trust its author",
            )
        return Name(name)

    def call(self, name: str, args: tuple[object, ...]) -> object:
        return super().call(name, args) if name in BUILT else Record(name, args)


def _stored(root: object, top: str, budget: Budget) -> Iterator[StoredTensor]:
    """The tensors of modules in modules, each storage once."""
    seen: set[str] = set()

    def visit(value: object, path: str, depth: int) -> Iterator[StoredTensor]:
        budget.spend(VISITS)
        if depth > MAX_NESTING:
            raise WeightsRefused(f"modules are nested more than {MAX_NESTING} deep")
        match value:
            case Tensor():
                if value.storage.key not in seen:
                    seen.add(value.storage.key)
                    yield StoredTensor(path or top, str(value.dtype), value.shape, value.storage.nbytes)
            case Record():
                for inner in (value.state, *value.args, *value.items):
                    yield from visit(inner, path, depth + 1)
            case dict():
                for key, inner in value.items():
                    yield from visit(inner, f"{path}.{key}" if path else str(key), depth + 1)
            case list() | tuple():
                for number, inner in enumerate(value):
                    yield from visit(inner, f"{path}.{number}" if path else f"{top}.{number}", depth + 1)
            case _:
                pass

    return visit(root, "", 0)


def _calls(archive: zipfile.ZipFile, records: _Records) -> Iterator[str]:
    """The operators that the code calls, as often as it says so."""
    left = MAX_CODE_NBYTES
    for name, info in records.items():
        if _CODE.fullmatch(name):
            text = read_record(archive, info, left, "code")
            left -= len(text)
            yield from _CALL.findall(text.decode("ascii", "replace"))


def _config(archive: zipfile.ZipFile, records: _Records) -> dict[str, str]:
    """What the exporter wrote into the file: in JSON, as YOLOv5 and we do; empty where there is none."""
    if _CONFIG not in records:
        return {}
    try:
        said = json.loads(read_record(archive, records[_CONFIG], MAX_TEXT_NBYTES, "text"))
    except (ValueError, RecursionError):
        return {}
    return {str(key): str(value) for key, value in said.items()} if isinstance(said, dict) else {}
