"""The images of a user: where they come from, which are chosen, and what a network gets of them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from halfpint.core.errors import BadRequest
from halfpint.core.families.dbnet.model import PIXELS
from halfpint.core.images.source import ImageSource, PreparedImage, evenly, open_images
from halfpint.core.network.preparation import Fit, Preparation
from support.shapes import SHAPES, picture_folder, shapes

SMALL = Preparation(3, 64, 64, 32)


def streamed(source: ImageSource, preparation: Preparation = SMALL) -> list[PreparedImage]:
    return list(source.stream(preparation))


def names(source: ImageSource) -> list[str]:
    return [image.name for image in streamed(source)]


def plain(path: Path, width: int = 40, height: int = 20, **more: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (200, 100, 50)).save(path, **more)  # pyright: ignore
    return path


# ---- where they come from


def test_a_folder_with_the_folders_below_it(tmp_path: Path) -> None:
    plain(tmp_path / "b.png")
    plain(tmp_path / "below" / "a.JPG")
    (tmp_path / "notes.md").write_text("no picture")
    assert names(open_images(tmp_path)) == ["b.png", "below/a.JPG"]


def test_a_list_of_paths_from_its_own_folder(tmp_path: Path) -> None:
    plain(tmp_path / "data" / "b.png")
    plain(tmp_path / "data" / "a.png")
    (tmp_path / "data" / "val.txt").write_text("./b.png\n\na.png\n")
    assert names(open_images(tmp_path / "data" / "val.txt")) == ["b.png", "a.png"]


@pytest.mark.parametrize(("parts", "expected"), [("val train", "val"), ("train", "train"), ("missing train", "train")])
def test_a_data_set_of_yolov5(tmp_path: Path, parts: str, expected: str) -> None:
    for part in ("val", "train"):
        picture_folder(tmp_path / part, 2, labels=True)
    first, *rest = parts.split()
    lines = "".join(f"{part}: {part}/images\n" for part in rest)
    (tmp_path / "shapes.yaml").write_text(f"path: .\nval: {first}/images\n{lines}download: 'rm -rf /'\nnames: {{0: a}}")
    if first == "train":
        (tmp_path / "shapes.yaml").write_text("train: [train/images]\n")
    source = open_images(tmp_path / "shapes.yaml")
    assert names(source) == [f"{expected}/images/00.png", f"{expected}/images/01.png"]
    assert source.notes[0] == f"the pictures are those of {expected} in shapes.yaml"
    assert all(image.labels is not None for image in streamed(source))


def test_an_archive_of_numpy_with_its_labels() -> None:
    pictures, truth = shapes()
    source = open_images(SHAPES)
    preparation = Preparation(3, 320, 320, 32)
    images = streamed(source, preparation)
    assert len(images) == 16
    for index, image in enumerate(images):
        np.testing.assert_array_equal(image.pixels, pictures[index].transpose(2, 0, 1)[None].astype(np.float32) / 255)
        assert image.labels is not None and len(image.labels.classes) == (truth[:, 0] == index).sum()


def test_pictures_that_lie_elsewhere_are_told(tmp_path: Path) -> None:
    plain(tmp_path / "secret" / "a.png")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "d.yaml").write_text(f"val: {tmp_path / 'secret'}")
    (note,) = open_images(tmp_path / "data" / "d.yaml").notes[1:]
    assert note == f"1 of 1 pictures lie outside of {tmp_path / 'data'}, such as {tmp_path / 'secret' / 'a.png'}"


# ---- which are chosen


def test_they_are_chosen_evenly_and_always_the_same(tmp_path: Path) -> None:
    assert evenly(10, 3) == [1, 5, 8] and evenly(3, 10) == [0, 1, 2] and evenly(1000, 1) == [500]
    picture_folder(tmp_path, 10)
    source = open_images(tmp_path, 3)
    first, second = streamed(source), streamed(source)
    assert [image.name for image in first] == ["images/01.png", "images/05.png", "images/08.png"]
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
    assert (source.count, source.total) == (3, 10)


def test_a_part_of_them_can_be_kept_aside() -> None:
    source = open_images(SHAPES)
    assert names(source.only(slice(0, None, 2))) == [str(index) for index in range(0, 16, 2)]


def test_a_thousand_take_no_more_memory_than_sixteen(tmp_path: Path) -> None:
    picture_folder(tmp_path, 16, suffix=".jpg")
    (tmp_path / "few.txt").write_text("".join(f"images/{index:02}.jpg\n" for index in range(16)))
    (tmp_path / "many.txt").write_text("".join(f"images/{index % 16:02}.jpg\n" for index in range(1000)))
    code = """
import sys
from pathlib import Path
from halfpint.core.export.memory import peak_resident
from halfpint.core.families.dbnet.model import PIXELS
from halfpint.core.images.source import open_images
from halfpint.core.network.preparation import Preparation
for name in ("few.txt", "many.txt"):
    count = sum(1 for _ in open_images(Path(sys.argv[1]) / name, 1000).stream(Preparation(3, 320, 320, 32)))
    print(count, peak_resident())
"""
    told = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    (few, before), (many, after) = (map(int, line.split()) for line in told.stdout.splitlines())
    assert (few, many) == (16, 1000)
    assert after <= 1.05 * before


# ---- what the network gets


def test_a_square_letterbox() -> None:
    levels = np.full((20, 40, 3), 255, np.uint8)
    preparation = Preparation(3, 64, 64, 32)
    assert preparation.name == "square letterbox, 64×64 (height×width), pad 114, RGB, 0 to 1"
    image = image_of(levels, preparation)
    assert image.pixels.shape == (1, 3, 64, 64)
    np.testing.assert_allclose(image.pixels[0, :, :16], 114 / 255)
    np.testing.assert_allclose(image.pixels[0, :, 16:48], 1)
    np.testing.assert_allclose(image.pixels[0, :, 48:], 114 / 255)
    assert image.geometry.to_picture(np.array([[0, 16, 64, 48]])).tolist() == [[0, 0, 40, 20]]


def test_a_rect_letterbox() -> None:
    preparation = Preparation(3, 128, 128, 32, Fit.RECT)
    image = image_of(np.full((20, 44, 3), 255, np.uint8), preparation)  # 58 × 128 px when it is scaled
    assert image.pixels.shape == (1, 3, 64, 128)
    assert preparation.name.startswith("rect letterbox, up to 128×128 (height×width), stride 32, pad 114")


def test_the_middle_of_a_picture_for_a_classifier() -> None:
    levels = np.zeros((20, 40, 3), np.uint8)
    levels[:, 10:30] = 255
    image = image_of(levels, Preparation(3, 64, 64, 32, Fit.CROP))
    np.testing.assert_allclose(image.pixels[..., 2:-2], 1)


def test_means_and_colours_of_a_text_detector() -> None:
    preparation = Preparation(3, 32, 32, 32, pixels=PIXELS)
    image = image_of(np.full((32, 32, 3), (200, 100, 50), np.uint8), preparation)
    expected = (np.array([50, 100, 200]) - (123.68, 116.78, 103.94)) / 255
    np.testing.assert_allclose(image.pixels[0, :, 0, 0], expected, rtol=1e-6)
    assert preparation.name.endswith("BGR, minus (123.68, 116.78, 103.94), divided by (255, 255, 255)")


def test_a_grey_image_for_a_network_of_one_channel() -> None:
    assert image_of(np.full((8, 8, 3), 255, np.uint8), Preparation(1, 32, 32, 32)).pixels.shape == (1, 1, 32, 32)


def test_labels_go_where_the_picture_goes(tmp_path: Path) -> None:
    plain(tmp_path / "images" / "a.png", 40, 20)
    plain(tmp_path / "images" / "b.png", 40, 20)
    (tmp_path / "labels").mkdir()
    outline = "3 0.5 0 1 0 1 0.5 0.5 0.5"  # of a part of the picture
    (tmp_path / "labels" / "a.txt").write_text(f"1 0.5 0.5 1 1\n{outline}\n")
    labelled, other = streamed(open_images(tmp_path / "images"))
    assert labelled.labels is not None and labelled.labels.classes.tolist() == [1, 3]
    assert labelled.labels.corners.tolist() == [[0, 16, 64, 48], [32, 16, 64, 32]]
    assert other.labels is None


def test_a_text_beside_that_holds_no_labels_is_left_alone(tmp_path: Path) -> None:
    plain(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("a photo of an orange square")
    (image,) = streamed(open_images(tmp_path))
    assert image.labels is None


def test_a_camera_that_was_held_on_its_side(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90°
    plain(tmp_path / "a.jpg", 400, 200, exif=exif)
    (image,) = streamed(open_images(tmp_path))
    assert image.geometry.picture == (400, 200) and image.geometry.scaled == (64, 32)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_picture(tmp_path: Path, mode: str) -> None:
    suffix = ".tif" if mode in ("CMYK", "I;16") else ".png"
    white = Image.fromarray(np.full((8, 8), 65535, np.uint16)) if mode == "I;16" else Image.new("RGB", (8, 8), "white")
    (white if mode == "I;16" else white.convert(mode)).save(tmp_path / f"a{suffix}")
    (image,) = streamed(open_images(tmp_path))
    np.testing.assert_allclose(image.pixels, 1)


# ---- what is wrong with them


def bomb() -> bytes:
    """A PNG of 30,000 × 30,000 pixels, by its header."""
    buffer = io.BytesIO()
    Image.new("1", (8, 8)).save(buffer, "png")
    data = bytearray(buffer.getvalue())
    data[16:24] = (30_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


def cut() -> bytes:
    """A JPEG without its second half."""
    buffer = io.BytesIO()
    Image.fromarray(shapes()[0][0]).save(buffer, "jpeg")
    return buffer.getvalue()[: len(buffer.getvalue()) // 2]


BROKEN: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"this is no picture",
    "bomb": bomb,
    "cut": cut,
    "postscript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",  # Pillow would start a program
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_picture_is_left_out_and_counted(tmp_path: Path, kind: str) -> None:
    plain(tmp_path / "good.png")
    (tmp_path / "bad.jpg").write_bytes(BROKEN[kind]())
    source = open_images(tmp_path)
    assert names(source) == ["good.png"]
    assert list(source.broken) == ["bad.jpg"] and source.broken["bad.jpg"]


@pytest.mark.parametrize("kind", BROKEN)
def test_without_a_usable_picture_there_is_no_job(tmp_path: Path, kind: str) -> None:
    (tmp_path / "bad.jpg").write_bytes(BROKEN[kind]())
    with pytest.raises(BadRequest, match=r"none of the 1 pictures chosen of .* can be used; bad\.jpg: "):
        open_images(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(BadRequest):
        open_images(tmp_path)


def test_what_is_no_source_at_all(tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(b"\0")
    (tmp_path / "empty").mkdir()
    (tmp_path / "other.yaml").write_text("- 1\n- 2")
    (tmp_path / "deep.yaml").write_text("[" * 100_000)
    (tmp_path / "tag.yaml").write_text("!!python/object/apply:os.system ['touch owned']")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "text.npz").write_text("no archive")
    for name in ("missing", "file.bin", "empty", "other.yaml", "deep.yaml", "tag.yaml", "bytes.txt", "text.npz"):
        with pytest.raises(BadRequest):
            open_images(tmp_path / name)
    assert not (tmp_path / "owned").exists()


def test_an_archive_that_lies(tmp_path: Path) -> None:
    """Its header promises more pictures than there are bytes; objects are never unpickled."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**9, 64, 64, 3)})
    with zipfile.ZipFile(tmp_path / "lies.npz", "w") as archive:
        archive.writestr("images.npy", header.getvalue() + bytes(64 * 64 * 3))
    with pytest.raises(BadRequest, match="the array ends too early"):
        open_images(tmp_path / "lies.npz")
    np.savez(tmp_path / "objects.npz", images=np.array([{}, []], dtype=object))
    with pytest.raises(BadRequest):
        open_images(tmp_path / "objects.npz")


def test_nothing_is_warned_of_on_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(bomb())
    with warnings.catch_warnings(record=True) as told, pytest.raises(BadRequest):
        warnings.simplefilter("always")
        open_images(tmp_path)
    assert not told


def image_of(levels: np.ndarray, preparation: Preparation) -> PreparedImage:
    """What becomes of one picture."""
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder, "one.npz"), images=levels[None])
        (image,) = open_images(Path(folder, "one.npz")).stream(preparation)
        return image
