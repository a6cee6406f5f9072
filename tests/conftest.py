"""Fixtures that every test may use: real checkpoints, sample weights, a place for the jobs' state."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from halfpint.core.samples.make import write_yolov5
from support.checkpoints import Checkpoint, checkpoints_in, dbnet_checkpoints

# No test says how fast a machine has to be.
settings.register_profile("halfpint", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("halfpint")

FIXTURES = Path(__file__).parent / "fixtures"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--checkpoints", type=Path, help="a folder with further pairs of NAME.pt and NAME.npz")
    parser.addoption("--write-golden", action="store_true", help="record the SHA-256 of all artifacts anew")
    parser.addoption("--write-snapshots", action="store_true", help="record what the screen shows anew")
    parser.addoption(
        "--exhaustive", action="store_true", help="every case where a sample is taken else: twice the time"
    )
    parser.addoption("--one-in", type=int, default=1, metavar="N", help="of every test, try every N-th case alone")


def pytest_configure(config: pytest.Config) -> None:
    """Where tests run side by side, each has a core: threads that wait for one another's would double the cost.

    Tests of an `xdist_group` run in one process.
    """
    if getattr(config.option, "numprocesses", None):
        config.option.dist = "loadgroup"
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # the processes that run the tests inherit it


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a test that is marked `one_in(n)`, every n-th case is tried, always the same ones."""
    if config.getoption("--exhaustive"):
        return
    everywhere: int = config.getoption("--one-in") or 1
    met: Counter[str] = Counter()
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        mark = item.get_closest_marker("one_in")
        test = item.nodeid.partition("[")[0]
        part = everywhere * (mark.args[0] if mark else 1)
        (left if met[test] % part else kept).append(item)
        met[test] += 1
    config.hook.pytest_deselected(items=left)
    items[:] = kept


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`checkpoint` stands for every checkpoint with known answers, one test each; `ultralytics` for that family's.

    Those are looked at in one file, which holds more of them to less.
    """
    if "checkpoint" in metafunc.fixturenames:
        further: Path | None = metafunc.config.getoption("--checkpoints")
        found = checkpoints_in(FIXTURES / "yolov5") + dbnet_checkpoints()
        found += checkpoints_in(further) if further else []
        metafunc.parametrize("checkpoint", found, ids=lambda c: c.name)
    if "ultralytics" in metafunc.fixturenames:
        metafunc.parametrize("ultralytics", checkpoints_in(FIXTURES / "ultralytics"), ids=lambda c: c.name)


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs and settings are kept in a place of the test's own."""
    monkeypatch.setenv("HALFPINT_STATE", str(tmp_path_factory.mktemp("state")))
    monkeypatch.setenv("HALFPINT_CONFIG", str(tmp_path_factory.mktemp("config")))


@pytest.fixture(scope="session")
def exhaustive(request: pytest.FixtureRequest) -> bool:
    """Whether every case is wanted where a sample is taken else."""
    return bool(request.config.getoption("--exhaustive"))


@pytest.fixture
def tiny() -> Path:
    """A genuine checkpoint, a megabyte small."""
    return FIXTURES / "yolov5" / "master-n.pt"


@pytest.fixture
def trained() -> Path:
    """A yolov5n that was trained, on pictures of coloured shapes: it finds some of those in test images."""
    return FIXTURES / "yolov5" / "shapes-n.pt"


@pytest.fixture
def recorded() -> Iterator[Checkpoint]:
    """The same, with the recorded answer."""
    yield next(c for c in checkpoints_in(FIXTURES / "yolov5") if c.name == "master-n")


@pytest.fixture(scope="session")
def sample_n(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sample weights of yolov5n's full size."""
    path = tmp_path_factory.mktemp("samples") / "sample-n.pt"
    write_yolov5(path)
    return path
