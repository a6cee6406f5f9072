"""A path in little room: what tells files of the same name apart stays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from halfpint.tui.path_text import below, shortened

names = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=12)
paths = st.lists(names, min_size=1, max_size=6).map("/".join)


def test_folders_above_the_run_go_first_then_its_beginning_then_the_names() -> None:
    path = "runs/train/exp12/weights/best.pt"
    assert shortened(path, 32) == path
    assert shortened(path, 28) == "runs/train/exp12/…/best.pt"
    assert shortened(path, 24) == "…/train/exp12/…/best.pt"
    assert shortened(path, 20) == "…/exp12/…/best.pt"
    assert shortened(path, 15) == "…xp12/…/best.pt"
    assert shortened("yolov5s-very-long.fp16.onnx", 16) == "yolov5s…p16.onnx"


@given(paths, st.integers(1, 60))
def test_it_fits_and_the_name_stays_while_there_is_room(path: str, room: int) -> None:
    text = shortened(path, room)
    assert cell_len(text) <= room
    name = path.rpartition("/")[2]
    assert name in text or room < cell_len(name) + 2


def test_a_path_is_called_from_its_folder_on() -> None:
    assert below("/w/runs/a.pt", "/w") == "runs/a.pt" == below("/w/runs/a.pt", "/w/")
    assert below("/other/a.pt", "/w") == "/other/a.pt"
