"""Weights files with a large appetite, or with values that no network has: refused in a sentence, within limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import hostile_onnx
from support import hostile_weights as hostile
from support.confined import ACTIONS, Confined
from support.jobs import names
from support.measured import measured

REFUSED, DONE = 3, 0
# Loading a runtime, and several times what reading such a file may take.
SECONDS, NBYTES = 30, 700 * 2**20

# What is said of each, by whatever reads it; of what is nothing but large, nothing.
NOT_KNOWN, COPIED = "holds no model of a known family", "elements that are copied"
TOLD: dict[Callable[[], bytes], str] = {
    hostile.key_without_end: NOT_KNOWN,
    hostile.sets_of_one_list: COPIED,
    hostile.dicts_of_one_list: COPIED,
    hostile.keywords_of_one_dict: COPIED,
    hostile.integer_of_100k_digits: "an integer near byte 2 has 332,193 bits",
    hostile.integer_in_text: "Exceeds the limit (4300 digits)",
    hostile.integer_in_text_of_5000_digits: "Exceeds the limit (4300 digits)",
    hostile.equal_hashes: "so large an int as a dict key",
    hostile.floats_of_equal_hashes: NOT_KNOWN,
    hostile.similar_hashes: NOT_KNOWN,
    hostile.nested_100k_deep: NOT_KNOWN,
    hostile.calls_20k_deep: NOT_KNOWN,
    hostile.subclasses_20k_deep: "a tensor subclass of no known form",
    hostile.steps_without_end: "steps of its pickle",
    hostile.marks: "steps of its pickle",
    hostile.name_of_a_megabyte: "a name in it has 1,000,000 characters",
    hostile.class_of_a_megabyte: "a name in it has 1,000,014 characters",
    hostile.dimensions_200k: "200000 dimensions and 200000 strides",
    hostile.dimensions_of_2_to_62: "more elements than torch can count",
    hostile.tensors_of_many_dimensions: "dimensions of its tensors",
    hostile.dicts_of_one_tensor: "more than 10,000 dicts at its top",
    hostile.names_with_wrappers: NOT_KNOWN,
    hostile.entries_60k: "no checkpoint needs so many",
    hostile.pickle_that_unpacks: "a/data.pkl is compressed",
    hostile.name_twice: "two entries of its zip have the same name",
    hostile.two_archives: "2 entries that are called data.pkl",
    hostile.entry_behind_the_end: "it refers to bytes behind its end",
    hostile.entry_of_four_gigabytes: "reaches beyond the end of the file",
    hostile.encrypted: "archive/data.pkl is compressed",
    hostile.directory_of_four_gigabytes: "cut short or damaged",
    hostile.one_place_for_all: "the tensor data 0 and 1 lie over one another",
    hostile.header_of_2_to_63: "is no torch checkpoint",
    hostile.tensors_60k: "no checkpoint needs so many",
    hostile.header_of_empty_dicts: "a form that is not known",
    hostile.header_of_empty_lists: NOT_KNOWN,
    hostile.tensor_of_long_name: "a name in it has 1,000,000 characters",
    hostile.tensor_of_100k_dimensions: "a malformed shape or place",
    hostile.layers_99k: "modules, which no checkpoint of",
    hostile.layers_inside_one_layer: "modules, which no checkpoint of",
    hostile.module_in_itself: "modules are nested without end",
    hostile.modules_doubled: "modules, which no checkpoint of",
    hostile.modules_200_deep: "modules are nested without end",
    hostile.modules_5k_deep: "modules are nested without end",
    hostile.one_table_for_all: "visits to its modules and tensors",
    hostile.names_of_classes_shared: "characters of class names",
    hostile.module_of_long_name: "a name in it has 2,000 characters",
    hostile.module_of_a_long_path: "submodules whose names are absurdly long",
}
# Read, and shown; exported they are not.
NOT_EXPORTED: dict[Callable[[], bytes] | str, str] = {
    hostile.expanded_weight: "Conv2d at model.1.conv: weight repeats its elements",
    hostile.layers_that_join_thousands: "connections between its layers",
    hostile.layers_that_add_up_thousands: "connections between its layers",
    hostile.operations_6000: "operations of its network",
    hostile.convolutions_5000: "layers, which no checkpoint of",
    hostile.complex_weight: "Conv2d at model.1.conv: weight is stored as complex64",
    "scale NaN": "Upsample at model.11: scale_factor is not a number",
    "scale infinite": "Upsample at model.11: scale_factor is not a number",
    "scale 1e30": "layer 11: the size of a feature map would be",
    "scale 10^90": "Upsample at model.11: scale_factor is 1e+90",
    "stride 0": "Conv2d at model.1.conv: stride is 0",
    "stride of 150 digits": "Conv2d at model.1.conv: stride is 1000000000000",
    "dilation 2^31": "Conv2d at model.1.conv: dilation is 2147483648",
    "padding 2^31": "Conv2d at model.1.conv: padding is 2147483647",
    "groups 10^100": "Conv2d at model.1.conv: groups is 1000000000000",
    "channels 2^31": "Conv2d at model.1.conv has 2147483647 channels",
    "eps NaN": "BatchNorm2d at model.1.bn: eps is not a number",
    "two sources": "Detect at model.24 reads 2 layers, it has 3 inputs",
    "sources of text": "Detect at model.24 reads layers (f) by something else than numbers",
    "sources ahead": "Conv at model.1 reads a layer that does not come before it",
    "sources far back": "Conv at model.1 reads a layer that does not come before it",
    "no classes": "Detect at model.24 has 0 classes",
    "strides 7": "Detect at model.24 says that model.24.m.0 has a stride of 7 px",
    "strides 1000": "Detect at model.24 says that model.24.m.0 has a stride of 1000 px",
    "strides 1024": "Detect at model.24 says that model.24.m.0 has a stride of 1024 px",
}
VALUES_REFUSED = {
    "10^9 classes": "Detect at model.24: nc is 1000000000",
    "names a number": "names are neither a list nor a dict",
    "strides 0": "Detect at model.24: the strides (0.0, 16.0, 32.0) are not whole",
    "strides NaN": "Detect at model.24: the strides (nan, 16.0, 32.0) are not whole",
    "strides infinite": "Detect at model.24: the strides (8.0, 16.0, inf) are not whole",
    "strides negative": "Detect at model.24: the strides (-8.0, -16.0, -32.0) are not whole",
}
CASES: dict[Callable[[], bytes] | str, tuple[str, frozenset[int]]] = {
    **{kind: (told, frozenset([REFUSED])) for kind, told in {**TOLD, **VALUES_REFUSED}.items()},
    **{kind: (told, frozenset([DONE, REFUSED])) for kind, told in NOT_EXPORTED.items()},
    hostile.nested_attributes: ("", frozenset([DONE])),
    hostile.operations_3000: ("", frozenset([DONE])),
    hostile.convolutions_3000: ("", frozenset([DONE])),
}
# Of each way to be refused, one: by the commands themselves, with all that they start.
WHOLE: tuple[Callable[[], bytes] | str, ...] = (
    hostile.sets_of_one_list,
    hostile.layers_99k,
    hostile.tensors_60k,
    "scale NaN",
    "strides 7",
)


def made(kind: Callable[[], bytes] | str) -> bytes:
    return hostile.VALUES[kind]() if isinstance(kind, str) else kind()


def spelled(kind: Callable[[], bytes] | str) -> str:
    return kind if isinstance(kind, str) else kind.__name__


@pytest.fixture(scope="module")
def confined() -> Iterator[Confined]:
    with Confined(hostile.GENUINE) as process:
        yield process


def test_every_kind_is_tried() -> None:
    assert set(hostile.VALUES) == {kind for kind in CASES if isinstance(kind, str)}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("kind", CASES, ids=spelled)
def test_each_ends_in_a_sentence_within_limits(
    kind: Callable[[], bytes] | str, confined: Confined, tmp_path: Path
) -> None:
    path = tmp_path / "odd.pt"
    path.write_bytes(made(kind))
    told, codes = CASES[kind]
    for action in ACTIONS:
        outcome = confined.look(action, path)
        assert not outcome.broken, f"{action}: {outcome}"
        shown = action.startswith("inspect")
        assert outcome.code == (min(codes) if shown else max(codes)), f"{action}: {outcome}"
        if outcome.code == REFUSED:
            said = " ".join(outcome.text.split())
            assert told in said, action
            assert "odd.pt" in said, action
        elif action == "inspect":
            assert told in " ".join(outcome.text.split())


@pytest.mark.one_in(5)
@pytest.mark.parametrize("command", ["export", "verify"])
@pytest.mark.parametrize("kind", WHOLE, ids=spelled)
def test_commands_end_with_3_and_leave_nothing(kind: Callable[[], bytes] | str, command: str, tmp_path: Path) -> None:
    (tmp_path / "odd.pt").write_bytes(made(kind))
    (tmp_path / "sound.onnx").write_bytes(hostile_onnx.sound().SerializeToString())
    arguments = {
        "export": ["--weights", tmp_path / "odd.pt"],
        "verify": [tmp_path / "sound.onnx", "--against", tmp_path / "odd.pt"],
    }
    ended = measured(command, *arguments[command])
    assert ended.code == REFUSED, ended.text
    assert CASES[kind][0] in " ".join(ended.text.split())
    assert "Traceback" not in ended.text
    assert ended.seconds < SECONDS
    assert ended.nbytes < NBYTES
    assert list(names(tmp_path)) == ["odd.pt", "sound.onnx"]
