"""All that the manifest knows of an artifact, as lines to read; and the help of the screen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.manifest import Listed, read
from ..core.units import figure, megabytes
from ..core.verify.evidence import Evidence
from .commands import Command, shown_key
from .lessons import Lesson
from .option_words import on_screen
from .proof_lines import proof_lines
from .widgets.lines import Line, plain

# What goes wrong where a file of that name is no manifest of ours.
_NO_MANIFEST = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, StopIteration)
_KINDS = {"pass": "good", "warn": "warning", "fail": "error"}


def report_lines(manifest: Path | None, file: str) -> list[Line]:
    """The report of one artifact. What cannot be read is told in a line.

    `manifest`: None while the job has not said yet where it is.
    """
    if manifest is None:
        return [plain("The manifest is written when the job is over; come back then.")]
    try:
        listed = next(listed for listed in read(manifest).artifacts if listed.name == file)
        return _lines(listed, manifest.parent / file)
    except (OSError, *_NO_MANIFEST) as error:
        return [plain(f"The manifest {manifest} cannot be read ({type(error).__name__}: {error}).", "error")]


def _lines(listed: Listed, path: Path) -> list[Line]:
    source, entry = listed.source, listed.entry
    ledger, contract, verification = entry["ledger"], entry["contract"], entry["verification"]
    size = f"{megabytes(entry['nbytes'])} ({entry['nbytes']:,} bytes), {entry['ratio']:.2f} × the checkpoint"
    lines: list[Line] = [
        _pair("file", str(path)),
        _pair("size", size),
        _pair("sha256", entry["sha256"]),
        _pair("from", f"{source['file']}, {source['family']} {source['variant']}, sha256 {source['sha256'][:16]}…"),
        plain(""),
        plain("Bytes", "strong"),
    ]
    lines += [_pair(megabytes(part["nbytes"]), part["what"]) for part in ledger["entries"]]
    lines += [plain(f"  {ledger['explanation']}", "dim"), plain(""), plain("Input and output", "strong")]
    for way, port in (("input", contract["input"]), *(("output", port) for port in contract["outputs"])):
        lines.append(_pair(way, f"{port['name']}  {port['dtype']}  {'×'.join(map(str, port['dims']))}"))
    lines += [plain(""), plain(f"Verification ({verification['mode']}, {verification['seconds']:.1f} s)", "strong")]
    if headline := verification.get("headline"):  # not in the manifests of earlier versions
        lines.append(plain(f"  {on_screen(headline)}"))
    checks = [Evidence.of(check) for check in verification["checks"]]
    widest = max((len(check.row[1]) for check in checks), default=0)
    widest = max(11, widest + 1)
    for check in checks:
        verdict, name, message = check.row
        lines.append(((f"  {verdict:<5}", _KINDS[check.verdict]), (f"{name:<{widest}}{on_screen(message)}", "")))
    if proof := verification.get("proof"):
        lines += [plain(""), plain("On your images", "strong"), *proof_lines(proof)]
    for picture in entry.get("pictures", ()):
        lines.append(_pair("picture", f"{picture['file']}  (of {picture['image']})"))
    if verification["differences"]:
        title = f"Differences from {'the FP32 file' if verification['mode'] == 'quick' else 'the reference'}"
        lines += [plain(""), plain(title, "strong"), plain(_DIFFERENCES, "dim")]
        lines += [_difference(difference) for difference in verification["differences"]]
    made = entry["made"]
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    return [*lines, plain(""), plain("Made", "strong"), _pair("when", made["created"]), _pair("with", versions)]


_DIFFERENCES = f"  {'component':<13}{'image':<18}{'largest':>12}{'NRMSE':>10}{'noise':>10}"


def _difference(entry: Any) -> Line:
    image = "×".join(map(str, entry["shape"])) + f" seed {entry['seed']}"
    measured, noise = entry["measured"], entry["noise"]
    largest = f"{_figure(measured['largest'])} {entry['unit']}".rstrip()
    spread = f"{_figure(measured['nrmse']):>10}{_figure(noise['nrmse']) if noise else 'not known':>10}"
    text = f"  {entry['component']:<13}{image:<18}{largest:>12}{spread}"
    return plain(text, "" if entry["verdict"] == "pass" else _KINDS[entry["verdict"]])


def _figure(value: float | None) -> str:
    return "not finite" if value is None else figure(value)


def _pair(name: str, text: str) -> Line:
    return ((f"  {name:<9}", "dim"), (" " + text, ""))


def help_lines(panel: str, text: str, commands: Sequence[Command], lessons: Sequence[Lesson] = ()) -> list[Line]:
    """Help for a panel: what it is for, its keys, what there is to know, and the keys that work everywhere."""
    lines: list[Line] = [plain(text), plain("")]
    for title, owner in ((f"In {panel}", panel), ("Everywhere", "")):
        lines.append(plain(title, "strong"))
        for command in commands:
            if command.panel == owner:
                keys = " ".join(map(shown_key, command.keys.split(",")))
                lines.append(((f"  {keys:<8}", "accent"), (f" {command.title:<18} {command.help}", "")))
        lines.append(plain(""))
        if owner:
            for lesson in lessons:
                lines += [plain(lesson.title, "strong"), plain(lesson.text), plain("")]
    lines.append(plain("^p finds a command by its name.", "dim"))
    return lines
