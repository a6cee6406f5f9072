"""Of a cluster nothing is believed that can be checked: addresses, what can be sent, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from halfpint.core.errors import BadRequest, JobFailed
from halfpint.core.events import ArtifactPublished, Event, Note
from halfpint.core.jobs import cluster
from halfpint.core.jobs.cluster_address import check, check_portable, warning
from halfpint.core.options import DEVICE, OUT, VerifyMode
from halfpint.core.precisions import FP32
from halfpint.core.spec import ExportSpec
from halfpint.core.weights_source import file_sha256
from support.jobs import done, of, small

THERE = "tcp://10.0.0.7:8786"


def installed(_: str) -> object:
    return object()


@pytest.mark.parametrize(
    "address", ["", "10.0.0.7:8786", "http://a:1", "tcp://a", "tcp://:1", "tcp://a:x", "ucx://a:1"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(BadRequest, match="tcp://HOST:PORT or tls://HOST:PORT"):
        check(address, installed)


def test_without_dask_the_fix_is_named() -> None:
    check(THERE, installed)
    with pytest.raises(BadRequest, match=r"pip install 'halfpint\[cluster\]'"):
        check(THERE, lambda _: None)


@pytest.mark.parametrize(
    ("address", "risky"),
    [
        (THERE, True),
        ("tcp://gpu-server:8786", True),
        ("tls://gpu-server:8786", False),
        ("tcp://127.0.0.1:8786", False),
        ("tcp://localhost:8786", False),
        ("tcp://[::1]:8786", False),
    ],
)
def test_a_plain_connection_to_another_machine_is_warned_of(address: str, risky: bool) -> None:
    told = warning(address)
    assert bool(told) == risky
    assert not risky or ("tls://" in told and "ssh -L 8786:localhost:8786" in told)


def test_what_would_be_written_elsewhere_is_refused(tiny: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="needs halfpint[cluster]")
    check_portable(small(tiny, tmp_path, cluster=THERE))
    with pytest.raises(BadRequest, match="--int8-report would be written where the job runs"):
        check_portable(small(tiny, tmp_path, cluster=THERE, int8_report="layers.csv"))
    with pytest.raises(BadRequest, match="name the weights file in it"):
        check_portable(small(tmp_path, tmp_path, cluster=THERE))


class Workers:
    """Stands for a client of a cluster whose workers declare this, and one of which has made a folder's files."""

    def __init__(self, folder: Path = Path(), declared: Sequence[float] = ()) -> None:
        self.folder, self.declared = folder, declared

    def run(
        self, function: Callable[..., Any], key: str, name: str, offset: int, nbytes: int, workers: list[str]
    ) -> Any:
        return {workers[0]: (self.folder / name).read_bytes()[offset : offset + nbytes]}

    def scheduler_info(self, n_workers: int) -> Any:
        return {"workers": {str(i): {"resources": {"GPU_MEMORY": each}} for i, each in enumerate(self.declared)}}


def resources(spec: ExportSpec, *declared: float) -> tuple[Any, list[Event]]:
    told: list[Event] = []
    return cluster._resources(Workers(declared=declared), spec, told.append), told


def test_a_job_asks_for_the_memory_of_a_gpu_that_it_is_predicted_to_take(tiny: Path, tmp_path: Path) -> None:
    spec = small(tiny, tmp_path)
    assert resources(spec, 24e9) == (None, []), "a job for the CPU asks for none"
    auto = spec.having(DEVICE, "auto")
    assert resources(auto, 0, 0) == (None, []), "no worker has a GPU"
    wanted, told = resources(auto, 0, 24e9)
    assert 1e6 < wanted["GPU_MEMORY"] < 24e9 and not told
    _, told = resources(auto, 1e6)
    (note,) = told
    assert isinstance(note, Note) and "the most there is 1.0 MiB" in note.text


@pytest.fixture
def made(tiny: Path, tmp_path: Path) -> tuple[ExportSpec, cluster._Done]:
    """A job as it is asked for here, and as a worker has done it."""
    spec = small(tiny, tmp_path / "there", height=32, width=32, precisions=(FP32,), verify=VerifyMode.QUICK)
    events = done(spec)
    assert of(events, ArtifactPublished)
    (tmp_path / "here").mkdir()
    return spec.having(OUT, str(tmp_path / "here")), cluster._Done("key", THERE, events)


def fetched(spec: ExportSpec, task: cluster._Done) -> list[bytes]:
    with ExitStack() as stack:
        workers = Workers(spec.out.with_name("there"))
        _, drafts = cluster._fetched(workers, spec, file_sha256(spec.weights), task, stack)
        return [draft.path.read_bytes() for draft in drafts]


def test_files_are_fetched_in_pieces(made: tuple[ExportSpec, cluster._Done], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_PIECE_NBYTES", 1000)
    spec, task = made
    (name,) = (path.name for path in spec.out.with_name("there").glob("*.onnx"))
    assert fetched(spec, task) == [(spec.out.with_name("there") / name).read_bytes()]
    assert list(spec.out.iterdir()) == [], "they are drafts until they are published"


def damaged(there: Path) -> None:
    (path,) = there.glob("*.onnx")
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def renamed(there: Path) -> None:
    (path,) = there.glob("*.json")
    path.write_text(path.read_text().replace("master-n.onnx", "../evil.onnx"))


def of_other_weights(there: Path) -> None:
    (path,) = there.glob("*.json")
    path.write_text(path.read_text().replace('"sha256": "', '"sha256": "0'))


def deep(there: Path) -> None:
    (path,) = there.glob("*.json")
    path.write_text("[" * 100_000)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (damaged, "did not arrive as"),
        (renamed, "lists a file that the job does not make"),
        (of_other_weights, "it is of other weights"),
        (deep, "cannot be used"),
    ],
)
def test_what_is_not_as_it_should_be_is_not_taken(
    made: tuple[ExportSpec, cluster._Done], change: Callable[[Path], object], told: str
) -> None:
    spec, task = made
    change(spec.out.with_name("there"))
    with pytest.raises(JobFailed, match=told):
        fetched(spec, task)
    assert list(spec.out.iterdir()) == []
