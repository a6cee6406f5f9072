"""What of a text may reach a terminal, whoever wrote it."""

from __future__ import annotations

import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpint.core.streams import guarded, raw
from halfpint.core.text import brief, escaped, escaped_lines, in_utf8, to_json

# Any code point, lone surrogates included, with those more often that a terminal acts on or that hide.
HOSTILE = "\x00\x07\x08\x0d\x1b\x7f\x84\x90\x9b\x9d\xad\u061c\u200b\u200e\u2028\u2029\u202e\u2066\ufeff\udc80\udfff"
anything = st.text(st.characters(exclude_categories=()) | st.sampled_from(HOSTILE))
# Control, format (bidi among them), surrogate, private, unassigned; line and paragraph separators.
ACTING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(anything)
def test_nothing_that_a_terminal_acts_on_is_left(text: str) -> None:
    shown = escaped(text)
    assert not [char for char in shown if unicodedata.category(char) in ACTING]
    assert "\n" not in shown


@given(anything)
def test_escaping_twice_changes_nothing_more(text: str) -> None:
    assert escaped(escaped(text)) == escaped(text)


@given(anything)
def test_what_is_shown_is_bounded_by_what_came(text: str) -> None:
    assert len(escaped(text)) <= 10 * len(text)  # \U0010ffff at most
    assert len(brief(escaped(text), 80)) <= 80


@given(st.text(st.characters(max_codepoint=126, min_codepoint=32)))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert escaped(text) == text


@pytest.mark.parametrize("text", ["Größe 800×608 → 2 MiB …", "目录/模型.pt", "модель.pt", "naïve café"])
def test_other_languages_stay_as_they_are(text: str) -> None:
    assert escaped(text) == text


@given(anything)
def test_json_is_ascii_and_gives_the_text_back(text: str) -> None:
    line = to_json({"name": text})
    assert line.isascii() and line.isprintable()
    # A high and a low surrogate side by side are one character in JSON, and stay two in Python alone.
    assert json.loads(line)["name"].encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")


@given(anything)
def test_a_guarded_stream_lets_nothing_through(text: str) -> None:
    under = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="")
    stream = guarded(under)
    stream.write(text)
    stream.flush()
    assert isinstance(under.buffer, io.BytesIO)
    written = under.buffer.getvalue().decode("ascii")
    assert written.replace("\n", "").isprintable()
    assert written.count("\n") == text.count("\n") == escaped_lines(text).count("\n")
    assert raw(stream) is under and guarded(stream) is stream


@given(anything)
def test_what_files_hold_is_utf_8(text: str) -> None:
    assert in_utf8(text).encode("utf-8").decode("utf-8") == in_utf8(text)
