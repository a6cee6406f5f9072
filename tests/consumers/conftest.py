"""What the consumers' tests share in one run, whichever process they run in: files, environments and answers."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from filelock import FileLock

from .asking import Answered, ask, items_for
from .cases import Case, cases
from .consumer import Consumer
from .venvs import Unavailable, python_of


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Path]:
    """A folder of this run. The last process to leave removes it: the files take a gigabyte."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "consumers"
    users = folder / "users"
    users.mkdir(parents=True, exist_ok=True)
    (users / worker_id).touch()
    yield folder
    (users / worker_id).unlink()
    if not any(users.iterdir()):
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def asked(exhaustive: bool) -> Sequence[Case]:
    """What consumers are asked about."""
    return cases(exhaustive)


@pytest.fixture(scope="session")
def files(shared: Path, worker_id: str, asked: Sequence[Case]) -> Path:
    """Where the files of every case lie, exported once a run. Processes begin at different cases."""
    folder = shared / "files"
    folder.mkdir(exist_ok=True)
    first = int(re.sub(r"\D", "", worker_id) or 0) * len(asked) // 2 % len(asked)
    for case in (*asked[first:], *asked[:first]):
        with FileLock(folder / f"{case.name}.lock"):
            if not (folder / case.name).exists():
                case.make(folder / f"{case.name}.part")
                (folder / f"{case.name}.part").rename(folder / case.name)
    return folder


@pytest.fixture(scope="session")
def interpreter(pytestconfig: pytest.Config) -> Callable[[Consumer], Path]:
    """The Python that has a consumer; without one, the test is skipped, or fails where all must be there: in CI."""
    cache = pytestconfig.cache.mkdir("consumers")  # pyright: ignore[reportOptionalMemberAccess]

    def found(consumer: Consumer) -> Path:
        try:
            return python_of(consumer, cache)
        except Unavailable as why:
            if os.environ.get("CI") == "true":
                pytest.fail(f"{consumer.id}: {why}")
            pytest.skip(f"{consumer.id}: {why}")

    return found


@pytest.fixture(scope="session")
def results(pytestconfig: pytest.Config) -> Path:
    """Where the consumers' latest answers are kept as JSON, for README's table."""
    return pytestconfig.cache.mkdir("consumers") / "results"  # pyright: ignore[reportOptionalMemberAccess]


@pytest.fixture(scope="session")
def answered(
    shared: Path,
    results: Path,
    interpreter: Callable[[Consumer], Path],
    asked: Sequence[Case],
    exhaustive: bool,
    request: pytest.FixtureRequest,
) -> Callable[[Consumer], Answered]:
    """What a consumer makes of every file; it is asked once a run."""

    def of(consumer: Consumer) -> Answered:
        python = interpreter(consumer)
        files: Path = request.getfixturevalue("files")  # only now: a consumer that is not there needs none
        folder = shared / "answers" / consumer.id
        folder.parent.mkdir(exist_ok=True)
        with FileLock(f"{folder}.lock"):
            kept = folder / "answered.json"
            if kept.exists():
                return Answered.from_json(kept.read_text())
            chosen = [case for case in asked if exhaustive or case.name not in consumer.slow]
            answer = ask(consumer, python, list(items_for(consumer, chosen, files)), folder)
            kept.write_text(answer.to_json())
            results.mkdir(exist_ok=True)
            (results / f"{consumer.id}.json").write_text(answer.to_json())
            return answer

    return of
