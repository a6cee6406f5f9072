"""README's table "What loads these files": its rows, from what the consumers answered.

python -m consumers.table README.md RESULTS     in tests/, where RESULTS holds the files that a test run left
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from .asking import Answered, Outcome, Result
from .cases import COLUMNS, cases
from .consumer import CONSUMERS, Consumer
from .known import known

TITLES = ("runtime", *map(str, COLUMNS), "how")
HEAD = (f"| {' | '.join(TITLES)} |", f"|{'---|' * len(TITLES)}")
UNTRIED = ("TensorRT", "TFLite (onnx2tf)", "ONNX Runtime Web")


def row(consumer: Consumer, answered: Answered) -> str:
    """A consumer's row."""
    cells = [_cell(consumer, [o for o in answered.outcomes if o.column == str(column)]) for column in COLUMNS]
    return _line(f"{consumer.name} {answered.version}", *cells, consumer.remark)


def untried_rows() -> list[str]:
    """The rows of those that no test has run."""
    return [_line(name, *("untested" for _ in COLUMNS), "") for name in UNTRIED]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def _cell(consumer: Consumer, outcomes: list[Outcome]) -> str:
    """What came of the files of a column: a word if it was the same for all of them."""
    said: dict[str, set[str]] = {}
    for outcome in sorted(outcomes, key=lambda o: o.result is Result.SAME):
        # Of several ways to load a file, the worst counts.
        if not any(outcome.case in names for names in said.values()):
            said.setdefault(_words(consumer, outcome), set()).add(outcome.case)
    if len(said) <= 1:
        return next(iter(said), "–")
    rest = "; else same" if said.pop(Result.SAME, None) else ""
    asked = {outcome.case for outcome in outcomes}
    return "; ".join(f"{', '.join(_collapsed(names, asked))}: {words}" for words, names in sorted(said.items())) + rest


def _words(consumer: Consumer, outcome: Outcome) -> str:
    if outcome.result is Result.SAME:
        return outcome.result
    reason = known(consumer, outcome)
    return f"{outcome.result} ({reason.why if reason else outcome.detail[:60]})"


def _collapsed(names: set[str], asked: set[str]) -> Iterable[str]:
    """The names of checkpoints, or of their groups where all of a group that were asked about are among them."""
    for group in dict.fromkeys(case.group for case in cases()):
        members = [case.name for case in cases() if case.group == group and case.name in asked]
        if members and names.issuperset(members):
            yield group
        else:
            yield from (f"{group} {name}" for name in members if name in names)


def lines_in(text: str) -> list[str]:
    """The table's lines in README's text."""
    lines = text.splitlines()
    start = lines.index(HEAD[0])
    end = next((i for i in range(start, len(lines)) if not lines[i].startswith("|")), len(lines))
    return lines[start:end]


def main(readme: Path, results: Path) -> None:
    """Write the table. Rows of consumers without results stay as they are."""
    text = readme.read_text(encoding="utf-8")
    old = lines_in(text)
    rows = old[len(HEAD) : -len(untried_rows())]
    answered = [results / f"{consumer.id}.json" for consumer in CONSUMERS]
    if len(rows) != len(CONSUMERS):
        rows = [""] * len(CONSUMERS)
        if missing := [path.stem for path in answered if not path.exists()]:
            sys.exit(f"the table has other rows than there are consumers; these have no results: {', '.join(missing)}")
    for i, (consumer, path) in enumerate(zip(CONSUMERS, answered, strict=True)):
        if path.exists():
            rows[i] = row(consumer, Answered.from_json(path.read_text()))
    new = "\n".join((*HEAD, *rows, *untried_rows()))
    readme.write_text(text.replace("\n".join(old), new), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
