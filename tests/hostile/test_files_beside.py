"""What lies beside weights and artifacts was put there by anybody: configurations, manifests, locks, and no files."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from halfpint.core.errors import BadRequest
from halfpint.core.inspect import inspect
from halfpint.core.manifest import earlier, listed_elsewhere
from halfpint.core.publication.hold import Held, Hold
from halfpint.tui.report_lines import report_lines
from support import dbnet
from support.jobs import done, end_of, names, small
from support.measured import measured

WEIGHTS = Path(__file__).parents[1] / "fixtures/yolov5/master-n.pt"
SOURCE = "5" * 64
SECONDS = 30  # loading a runtime, and several times what looking at such a path may take


def text(content: str | bytes) -> Callable[[Path], None]:
    """Puts a file with this content there."""
    return lambda path: void(path.write_bytes(content.encode() if isinstance(content, str) else content))


def void(_: object) -> None:
    """Nothing of it is wanted."""


def socket_at(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        place = os.open(path.parent, os.O_PATH)  # the name of a socket may not be long
        made.bind(f"/proc/self/fd/{place}/{path.name}")
        os.close(place)


# Ways to put something in a file's place that is none, or that has no end.
NO_FILES: dict[str, Callable[[Path], None]] = {
    "fifo": os.mkfifo,
    "socket": socket_at,
    "folder": Path.mkdir,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "circle": lambda path: path.symlink_to(path.name),
    "nowhere": lambda path: path.symlink_to("nowhere"),
}
NO_JSON: dict[str, Callable[[Path], None]] = {
    "empty": text(""),
    "large": text("{}" + " " * 2**23),
    "deep": text("[" * 100_000),
    "digits": text('{"model": ' + "9" * 100_000 + "}"),
    "bytes": text(b"\xff\xfe{}"),
    "list": text("[]"),
    "number": text("1e999"),
}


# ---- weights, and what is none


@pytest.mark.one_in(3)
@pytest.mark.parametrize("command", ["inspect", "estimate", "export", "verify"])
@pytest.mark.parametrize("kind", [*NO_FILES, "long"])
def test_what_is_no_file_is_not_waited_for(kind: str, command: str, tmp_path: Path) -> None:
    path = tmp_path / ("n" * 300 if kind == "long" else "best.pt")
    NO_FILES.get(kind, void)(path)
    (tmp_path / "other.onnx").write_bytes(b"\x08\x08")
    before = set(names(tmp_path))
    arguments = {"export": ["--weights", path], "verify": [tmp_path / "other.onnx", "--against", path]}
    ended = measured(command, *arguments.get(command, [path]))
    # Of files that would have too long a name, that is told first.
    assert ended.code == (2 if kind == "long" and command in ("estimate", "export") else 3), ended.text
    assert "Traceback" not in ended.text
    assert "a fault of ours" not in ended.text
    assert ended.seconds < SECONDS
    assert set(names(tmp_path)) == before


def test_a_folder_s_weights_may_be_no_file_either(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pytorch_model.pt")
    ended = measured("inspect", tmp_path)
    assert ended.code == 3
    assert "a folder without a weights file" in " ".join(ended.text.split())


def test_a_name_that_is_too_long_is_told_by_every_command(tmp_path: Path) -> None:
    long = tmp_path / ("n" * 300)
    export = ("export", "--weights", WEIGHTS, "--imgsz", 96)
    for arguments in (
        ("halve", long),
        ("verify", long, "--against", WEIGHTS),
        ("halve", tmp_path / "best.onnx", "--out", long),
        (*export, "--out", long),
        (*export, "--out", tmp_path, "--name", "n" * 300),
        ("demo", long, "--headless"),
    ):
        (tmp_path / "best.onnx").write_bytes(b"\x08\x08")
        ended = measured(*arguments)
        assert ended.code == 2, ended.text
        assert os.strerror(errno.ENAMETOOLONG) in ended.text or "too long" in ended.text
        assert list(names(tmp_path)) == ["best.onnx"]


# ---- configurations

CONFIGURATIONS = {
    **NO_FILES,
    **NO_JSON,
    "threshold NaN": text('{"model": {"inference_kwargs": {"thresh": NaN, "image_short_side": -1}}}'),
    "threshold infinite": text('{"model": {"inference_kwargs": {"thresh": 1e999, "image_short_side": 1e999}}}'),
    "threshold large": text('{"model": {"inference_kwargs": {"thresh": 7.0, "image_short_side": 99999999999}}}'),
    "lists": text('{"model": [{"inference_kwargs": []}]}'),
}


@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_a_configuration_that_says_nothing_changes_nothing(kind: str, tmp_path: Path) -> None:
    weights = tmp_path / "pytorch_model.pt"
    weights.symlink_to(dbnet.checkpoint("proxylessnas"))
    plain = inspect(weights).facts
    CONFIGURATIONS[kind](tmp_path / "configuration.json")
    assert inspect(weights).facts == plain


# ---- manifests


def manifest(*entries: object, source: object = None, schema: object = 1) -> Callable[[Path], None]:
    return text(json.dumps({"schema": schema, "source": source or {"sha256": SOURCE}, "artifacts": entries}))


def entry(**more: object) -> dict[str, object]:
    return {"file": "best.onnx", "sha256": "0" * 64, **more}


def nested(depth: int) -> object:
    value: object = []
    for _ in range(depth):
        value = [value]
    return value


MANIFESTS = {
    **NO_FILES,
    **NO_JSON,
    "no artifacts": text(json.dumps({"schema": 1, "source": {"sha256": SOURCE}})),
    "artifacts a number": text(json.dumps({"schema": 1, "source": {"sha256": SOURCE}, "artifacts": 5})),
    "artifacts no entries": manifest(5, None, "best.onnx"),
    "source no dict": manifest(entry(), source=5),
    "an entry's source no dict": manifest(entry(source=5)),
    "an entry's source empty": manifest(entry(source={})),
    "a file outside": manifest(entry(file="../best.onnx")),
    "a file of no name": manifest(entry(file="")),
    "a file of a long name": manifest(entry(file="n" * 5000)),
    "a file with NUL": manifest(entry(file="best\0.onnx")),
    "a file that is a number": manifest(entry(file=5)),
    "no SHA-256": manifest({"file": "best.onnx"}),
    "a SHA-256 that is none": manifest(entry(sha256=[5])),
    "nested": manifest(entry(remembered=nested(900))),
    "lone surrogates": manifest(entry(remembered="\udcff")),
    "a report of nothing": manifest(entry(verification={"checks": [{"verdict": 5}]}, ledger=5, contract=None)),
}


@pytest.mark.parametrize("kind", MANIFESTS)
def test_a_manifest_of_anybody_is_kept_refused_or_replaced(kind: str, tmp_path: Path) -> None:
    (tmp_path / "best.onnx").write_bytes(b"\x08\x08")
    spec = small(WEIGHTS, tmp_path, name="best")
    MANIFESTS[kind](spec.manifest)
    try:
        kept = earlier(spec, SOURCE)
    except BadRequest as error:
        assert "exists already" in error.what
    else:
        assert all(each.name == "best.onnx" and isinstance(each.files[0][1], str) for each in kept)
    assert isinstance(earlier(small(WEIGHTS, tmp_path, name="best", overwrite=True), SOURCE), list)
    listed_elsewhere(tmp_path / "best.onnx")
    assert report_lines(spec.manifest, "best.onnx")


@pytest.mark.parametrize("kind", ["fifo", "an entry's source no dict", "nested", "lone surrogates"])
def test_a_job_ends_well_beside_it(kind: str, tmp_path: Path) -> None:
    (tmp_path / "best.fp32.onnx").write_bytes(b"\x08\x08")
    MANIFESTS[kind](tmp_path / "best.halfpint.json")
    end = end_of(done(small(WEIGHTS, tmp_path, name="best", overwrite=True)))
    assert end.exit_code == 0, end.message
    listed = json.loads((tmp_path / "best.halfpint.json").read_text())["artifacts"]
    assert {"best.onnx", "best.fp16.onnx"} <= {each["file"] for each in listed}


# ---- locks


@pytest.mark.parametrize("kind", [kind for kind in NO_FILES if kind != "nowhere"])
def test_a_lock_that_is_no_file_is_refused(kind: str, tmp_path: Path) -> None:
    NO_FILES[kind](tmp_path / ".best.halfpint.lock")
    with pytest.raises(BadRequest, match="cannot be written to"):
        Hold(tmp_path, "best")
    assert list(names(tmp_path)) == [".best.halfpint.lock"]


@pytest.mark.parametrize("pid", ["1e999", "-1", "1" * 4000, '"1/../self"', "null", "[]", "1.5", "true"])
def test_a_holder_that_is_no_process_holds_nothing(pid: str, tmp_path: Path) -> None:
    line = f'{{"job": "", "pid": {pid}, "host": "{socket.gethostname()}", "since": "", "birth": "1"}}\n'
    (tmp_path / ".best.halfpint.lock").write_text(line)
    with Hold(tmp_path, "best"), pytest.raises(Held):
        Hold(tmp_path, "best")
    assert list(names(tmp_path)) == []
