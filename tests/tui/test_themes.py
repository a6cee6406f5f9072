"""The colours of both themes: text can be read on every ground, borders and the focus are seen, in few colours too."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.color import Color, ColorSystem
from textual.theme import Theme

from halfpint.tui.settings import theme as remembered
from halfpint.tui.themes import DARK, LIGHT, THEMES, Palette, other
from support.contrast import contrast

PALETTES = pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])


def drawn(colour: str, system: ColorSystem) -> tuple[int, int, int]:
    """A colour as a terminal with so many draws it."""
    red, green, blue = Color.parse(colour).downgrade(system).get_truecolor()
    return red, green, blue


@PALETTES
@pytest.mark.parametrize("system", [ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT], ids=["all", "256"])
def test_every_text_can_be_read_on_every_ground(palette: Palette, system: ColorSystem) -> None:
    pairs = [(text, ground) for text in palette.texts for ground in palette.grounds]
    for text, ground in [*pairs, (palette.on_cursor, palette.cursor)]:
        assert contrast(drawn(text, system), drawn(ground, system)) >= 4.5, (text, ground)


@PALETTES
@pytest.mark.parametrize("system", [ColorSystem.EIGHT_BIT, ColorSystem.STANDARD], ids=["256", "16"])
def test_borders_the_focus_and_the_cursor_can_be_seen(palette: Palette, system: ColorSystem) -> None:
    ground = drawn(palette.ground, system)
    for line in (palette.border, palette.focus, palette.cursor):
        assert contrast(drawn(line, system), ground) >= (3 if line != palette.cursor else 2), line
    assert drawn(palette.border, system) != drawn(palette.focus, system)
    assert contrast(drawn(palette.on_cursor, system), drawn(palette.cursor, system)) >= 4.5


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_textual_takes_the_colours_as_they_are(theme: Theme) -> None:
    made = {**theme.to_color_system().generate(), **theme.variables}  # as the app does
    palette = DARK if theme.dark else LIGHT
    assert made["text-muted"] == palette.quiet and made["text-error"] == palette.error
    assert made["block-cursor-background"] == palette.cursor and made["border"] == palette.focus


def test_a_key_leads_from_one_to_the_other() -> None:
    assert other("halfpint-dark") == "halfpint-light" and other("halfpint-light") == other("nord") == "halfpint-dark"


@pytest.mark.parametrize("theme", ["nord", "textual-light", 7])
def test_a_theme_that_is_not_ours_is_not_taken(theme: object, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(f"theme = {theme!r}\n")
    assert remembered(settings) == THEMES[0].name
