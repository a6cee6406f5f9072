"""Every action is a command: it can be run, it is told, and its keys are its own."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import pytest

from halfpint.cli.entry import COMMANDS as SUBCOMMANDS
from halfpint.cli.parser import build_parser
from halfpint.tui.commands import palette
from halfpint.tui.panels.registry import commands, names
from support.screen import drive, screen


def test_every_command_has_an_action(tmp_path: Path) -> None:
    async def script() -> None:
        async with screen(tmp_path) as s:
            places = {"app": s.app, "screen": s.main}
            for command in commands():
                owner = s.main.query_one(f"#{command.panel}") if command.panel else s.main
                place, _, name = command.action.partition("(")[0].rpartition(".")
                assert hasattr(places.get(place, owner), f"action_{name}"), command
                assert command.title and command.help

    drive(script())


@pytest.mark.parametrize("panel", ["", *names()])
def test_no_key_means_two_things(panel: str) -> None:
    keys = Counter(key for c in commands() if c.panel in ("", panel) for key in c.keys.split(","))
    assert [key for key, count in keys.items() if count > 1] == []


def test_the_palette_finds_commands_by_their_words(tmp_path: Path) -> None:
    async def script() -> None:
        async with screen(tmp_path) as s:
            found = palette(commands())(s.main)
            titles = [hit.text async for hit in found.search("swap")]
            assert any("Swap" in str(title) for title in titles)
            assert len([hit async for hit in found.discover()]) == len(commands())

    drive(script())


def test_the_entry_knows_every_subcommand() -> None:
    (parsers,) = (a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    assert set(parsers.choices) == SUBCOMMANDS
