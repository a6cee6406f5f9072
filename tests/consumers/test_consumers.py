"""What users load our files with loads them, and answers as float64 does but for rounding."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .asking import Answered
from .consumer import CONSUMERS, Consumer
from .known import surprises
from .table import HEAD, lines_in, row, untried_rows

README = Path(__file__).parents[2] / "README.md"

each = pytest.mark.parametrize("consumer", CONSUMERS, ids=lambda consumer: consumer.id)


@each
def test_every_answer_is_the_same_or_known_to_be_otherwise(
    consumer: Consumer, answered: Callable[[Consumer], Answered]
) -> None:
    assert not surprises(consumer, answered(consumer).outcomes)


@each
def test_the_readme_tells_it(consumer: Consumer, answered: Callable[[Consumer], Answered], results: Path) -> None:
    expected = row(consumer, answered(consumer))
    told = lines_in(README.read_text(encoding="utf-8"))
    assert expected in told, f"to write the table: (cd tests; python -m consumers.table ../README.md '{results}')"


def test_the_readme_s_table_has_no_rows_of_anything_else() -> None:
    told = lines_in(README.read_text(encoding="utf-8"))
    assert told[:2] == list(HEAD)
    assert told[-len(untried_rows()) :] == untried_rows()
    assert len(told) == len(HEAD) + len(CONSUMERS) + len(untried_rows())
