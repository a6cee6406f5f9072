"""The two themes, dark and light, of colours that stay apart in the 256 that most terminals over SSH have, and in 16.

SSH does not pass on COLORTERM. `tests/tui/test_themes.py` holds text to a contrast of 4.5:1 (WCAG 2.2, 1.4.3) on every
ground that it stands on, and borders and the focus to 3:1 (1.4.11).
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.theme import Theme


@dataclass(frozen=True)
class Palette:
    """Colours by what they are for.

    Grounds: `ground`, `dialog`, `field`, `row` (the cursor's, where the keys go elsewhere) and `cursor`. Text: `text`,
    `quiet`, `good`, `warning`, `error`, `accent`, and `on_cursor`. Lines: `border`, and `focus` where the keys go.
    """

    ground: str
    dialog: str
    field: str
    row: str
    cursor: str
    text: str
    quiet: str
    good: str
    warning: str
    error: str
    accent: str
    on_cursor: str
    border: str
    focus: str

    @property
    def grounds(self) -> tuple[str, ...]:
        """What text of any kind stands on."""
        return (self.ground, self.dialog, self.field, self.row)

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.text, self.quiet, self.good, self.warning, self.error, self.accent)


DARK = Palette(
    ground="#121212", dialog="#1c1c1c", field="#303030", row="#3a3a3a", cursor="#005faf",
    text="#dadada", quiet="#b2b2b2", good="#87d787", warning="#ffd75f", error="#ff8787", accent="#87d7ff",
    on_cursor="#ffffff", border="#767676", focus="#5fafff",
)  # fmt: skip
LIGHT = Palette(
    ground="#ffffff", dialog="#eeeeee", field="#eeeeee", row="#e4e4e4", cursor="#005faf",
    text="#1c1c1c", quiet="#4e4e4e", good="#005f00", warning="#5f5f00", error="#af0000", accent="#005f87",
    on_cursor="#ffffff", border="#767676", focus="#005faf",
)  # fmt: skip


def _theme(name: str, palette: Palette, *, dark: bool) -> Theme:
    """Textual's theme. Its tints of a colour become that colour: a tint of it has another contrast."""
    return Theme(
        name,
        primary=palette.focus,
        secondary=palette.focus,
        warning=palette.warning,
        error=palette.error,
        success=palette.good,
        accent=palette.accent,
        foreground=palette.text,
        background=palette.ground,
        surface=palette.dialog,
        panel=palette.border,
        boost=palette.field,
        dark=dark,
        variables={
            "text-muted": palette.quiet,
            "text-disabled": palette.quiet,
            "foreground-muted": palette.quiet,
            "text-success": palette.good,
            "text-warning": palette.warning,
            "text-error": palette.error,
            "text-accent": palette.accent,
            "block-cursor-foreground": palette.on_cursor,
            "block-cursor-background": palette.cursor,
            "block-cursor-blurred-foreground": palette.text,
            "block-cursor-blurred-background": palette.row,
            "border": palette.focus,
            "border-blurred": palette.border,
            "input-selection-background": palette.cursor,
        },
    )


THEMES = (_theme("halfpint-dark", DARK, dark=True), _theme("halfpint-light", LIGHT, dark=False))


def other(name: str) -> str:
    """The theme that a key leads to: the light one from the dark one, the dark one from any other."""
    dark, light = (theme.name for theme in THEMES)
    return light if name == dark else dark
