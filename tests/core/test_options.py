"""An option is one row: a new one is in the parser, the command line, JSON, the settings and on the screen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from halfpint.cli.export import spec_of
from halfpint.cli.parser import build_parser
from halfpint.core import options
from halfpint.core.commandline import command
from halfpint.core.errors import BadRequest
from halfpint.core.option import Choice, Choices, Decimal, Number, OneOf, Option, Part, Switch, Text
from halfpint.core.options import TARGETS
from halfpint.core.spec import ExportSpec
from halfpint.core.targets.onnx.options import SIMPLIFY
from halfpint.tui.choices import Choices as Chosen
from halfpint.tui.panels.options import OptionsPanel
from halfpint.tui.settings import load, save
from halfpint.tui.widgets.fields import TextField
from halfpint.tui.widgets.toggles import Toggles
from support.screen import drive, screen

PRUNE = Option("prune", Switch(), False, Part.RECIPE, "leave out channels that do nothing", title="prune")
LEVEL = Option("level", Number(range(1, 4)), 2, Part.POLICY, "how much of it", title="level", metavar="N")
SHARE = Option("share", Decimal(0.0, 1.0), 0.5, Part.RECIPE, "how much is left", title="share", metavar="S")
WAY = Option(
    "way",
    OneOf(Choices(lambda: [Choice("near", "near", "the short one"), Choice("far", "far", "the long one")])),
    "near",
    Part.RECIPE,
    "which way",
    title="way",
)
LABEL = Option("label", Text("none"), "", Part.DESTINATION, "a word of yours", title="label", metavar="WORD")
FAKES = (PRUNE, LEVEL, SHARE, WAY, LABEL)
CHOSEN = {PRUNE: True, LEVEL: 3, SHARE: 0.25, WAY: "far", LABEL: "-x y"}
WEIGHTS = Path("/w/best.pt")


@pytest.fixture(autouse=True)
def fake_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "ROWS", [*options.ROWS, *FAKES])


def chosen() -> ExportSpec:
    spec = ExportSpec.of(WEIGHTS, WEIGHTS.parent)
    for row, value in CHOSEN.items():
        spec = spec.having(row, value)
    return spec


def test_the_parser_and_the_command_line() -> None:
    line = command(chosen())
    assert line.endswith("--prune --level 3 --share 0.25 --way far '--label=-x y'")
    args = build_parser().parse_args(["export", "--weights", str(WEIGHTS), "--prune", "--level", "3"])
    assert spec_of(args, WEIGHTS).recipe[PRUNE] and spec_of(args, WEIGHTS).policy[LEVEL] == 3


def test_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["export", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    for row in FAKES:
        assert row.flag in told and row.help in told


def test_json() -> None:
    assert json.loads(chosen().to_json())["level"] == 3
    assert ExportSpec.from_json(chosen().to_json()) == chosen()


def test_settings(tmp_path: Path) -> None:
    choices = Chosen()
    for row, value in CHOSEN.items():
        choices = choices.having(row, value)
    save(tmp_path / "settings.toml", choices)
    assert load(tmp_path / "settings.toml") == (choices, "")


def test_the_screen(tmp_path: Path) -> None:
    async def script() -> None:
        async with screen(tmp_path) as s:
            toggles = s.main.query_one(Toggles).choices
            assert {"prune", "level", "way"} <= {toggle.key for toggle in toggles}
            s.main.query_one("#label", TextField).value = "mine"
            await s.until(lambda: s.main.session.choices[LABEL] == "mine")
            assert s.main.query_one(OptionsPanel).chosen[LABEL] == "mine"

    drive(script())


@pytest.mark.parametrize(("row", "value"), [(SHARE, 1.5), (SHARE, float("nan"))])
def test_a_value_out_of_range_is_refused(row: Option[float], value: float) -> None:
    with pytest.raises(BadRequest, match=r"share (1.5|nan) is not possible"):
        ExportSpec.of(WEIGHTS).having(row, value)


@pytest.mark.parametrize("row", options.rows(), ids=lambda row: row.name)
def test_every_row_is_whole(row: Option[object]) -> None:
    assert row.help and row.kind.value(row.kind.plain(row.default)) == row.default
    assert not row.shown or row.title or row in (options.TARGETS, options.PRECISIONS)


def test_a_switch_that_nothing_of_the_job_has_is_refused() -> None:
    spec = ExportSpec.of(WEIGHTS).having(TARGETS, TARGETS.kind.value(["torchscript"]))
    with pytest.raises(BadRequest, match="--simplify works on onnx, which is not exported"):
        spec.having(SIMPLIFY, True)
