"""An action of the screen: its keys, its words, and where it works. Bindings, palette, footer and help read this."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.binding import Binding

if TYPE_CHECKING:
    from textual.command import Provider
    from textual.screen import Screen


@dataclass(frozen=True)
class Command:
    """One action. `keys`: as Textual spells them, comma separated; the first one is shown.

    `footer`: its word in the line of keys, or empty. `panel`: the id of the panel whose action it is, or empty.
    `moves`: it moves the focus. On a slow line keys come in bunches; what is typed behind such a key must find the
    focus where it leads, so that it comes before whatever the widget with the focus has still to do.
    """

    action: str
    keys: str
    title: str
    help: str
    footer: str = ""
    panel: str = ""
    moves: bool = False

    @property
    def shown(self) -> str:
        """The first key, as people write it: `^r`, `F1`, `shift+up`."""
        return shown_key(self.keys.split(",")[0])

    @property
    def clickable(self) -> str:
        """The action as a link runs it: from the app, wherever it belongs."""
        return f"app.run_command({self.panel!r}, {self.action!r})"


_SHOWN = {
    "question_mark": "?", "slash": "/", "minus": "-", "plus": "+", "up": "↑", "down": "↓", "shift+up": "⇧↑",
    "shift+down": "⇧↓", "escape": "esc",
}  # fmt: skip


def shown_key(key: str) -> str:
    """A key as people write it."""
    if key in _SHOWN:
        return _SHOWN[key]
    if key.startswith("ctrl+"):
        return f"^{key[5:]}"
    return key.upper() if len(key) > 1 and key[0] == "f" and key[1:].isdigit() else key


EVERYWHERE = (
    Command("export", "ctrl+r", "Export", "Export what the screen shows; while a job runs, queue it", "Export"),
    Command("cancel", "ctrl+g", "Cancel", "Cancel the job that runs; the next one begins", "Cancel"),
    Command("show_command", "ctrl+y", "Copy as command", "Show and copy the `halfpint export` line", "Command"),
    Command("help", "question_mark,f9", "Help", "Help for the panel with the focus, and all keys", "Help"),
    Command("fit_map", "m", "Fit map", "Which sizes fit, all at once; enter takes one", "Map"),
    Command("app.toggle_theme", "t", "Theme", "Dark or light; it is kept"),
    Command("zoom", "z", "Zoom", "The panel with the focus fills the screen, and back"),
    Command("search_on(1)", "n", "Next found", "The next row with what was searched for"),
    Command("search_on(-1)", "N", "Last found", "The row before with what was searched for"),
    Command("app.redraw", "ctrl+l", "Redraw", "Paint the whole screen again"),
    Command("app.leave", "ctrl+q", "Quit", "Leave; asks if jobs run or wait, which go on", "Quit"),
    Command("app.ask_leave", "q", "Quit", "Leave, after a question"),
    Command("app.suspend_process", "ctrl+z", "Suspend", "Back to the shell; fg brings the screen back"),
    Command("next", "tab", "Next", "Complete the path that is typed, or put the focus on what comes next", moves=True),
    Command("app.focus_previous", "shift+tab", "Previous", "Put the focus on what came before", moves=True),
    Command("leave", "escape", "Leave the field", "From a field to a list; from a zoomed panel back", moves=True),
)


# Of the panels whose rows can be searched in.
SEARCH = Command("screen.search", "slash", "Search", "Search in it; n and N go on to the next and the last", "Search")


def jumps(panels: Sequence[str]) -> Iterator[Command]:
    """The keys that lead to each panel: its number, and a function key that works in a field too."""
    for number, panel in enumerate(panels, 1):
        yield Command(f"jump('{panel}')", f"{number}", f"Go to {panel}", f"Put the focus on the {panel} panel")
    for number, panel in enumerate(panels, 1):
        yield Command(f"jump('{panel}')", f"f{number}", f"Go to {panel}", "The same, out of a field too", moves=True)


def bindings(commands: Iterable[Command]) -> list[Any]:
    """The keys of these commands, as Textual takes them."""
    return [Binding(c.keys, c.action, c.title, show=False, priority=c.moves) for c in commands]


def palette(commands: Sequence[Command]) -> type[Provider]:
    """The provider of the palette; made when the palette is opened, for it is heavy to import."""
    from textual.command import DiscoveryHit, Hit, Provider

    class Commands(Provider):
        """All commands, by their titles."""

        async def discover(self):
            for command in commands:
                yield DiscoveryHit(command.title, self._run(command), help=_helped(command))

        async def search(self, query: str):
            matcher = self.matcher(query)
            for command in commands:
                score = matcher.match(f"{command.title} {command.help}")
                if score > 0:
                    yield Hit(score, matcher.highlight(command.title), self._run(command), help=_helped(command))

        def _run(self, command: Command) -> Any:
            return partial(run, self.screen, command)

    return Commands


def _helped(command: Command) -> str:
    return f"{command.help} ({command.shown})"


async def run(screen: Screen[Any], command: Command) -> None:
    """Run a command, as its key would."""
    namespace = screen.query_one(f"#{command.panel}") if command.panel else screen
    await screen.app.run_action(command.action, default_namespace=namespace)
