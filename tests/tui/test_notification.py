"""The end of a long job is told by the bell, and by a notification of the terminal where it is wanted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from halfpint.tui.notification import OFF, announce


def announced(text: str) -> list[str]:
    """What the terminal gets."""
    told: list[str] = []
    app: Any = SimpleNamespace(bell=lambda: told.append("\a"), _driver=SimpleNamespace(write=told.append))
    announce(app, text)
    return told


def test_the_bell_and_a_notification() -> None:
    assert announced("halfpint: #3 best.pt done") == ["\a", "\x1b]9;halfpint: #3 best.pt done\x07"]


def test_a_name_does_nothing_to_the_terminal() -> None:
    text = r"\x07\x1b]0;owned"
    assert announced("\x07\x1b]0;owned") == ["\a", f"\x1b]9;{text}\x07"]


def test_the_bell_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*OFF)
    assert announced("halfpint: #3 best.pt done") == ["\a"]
