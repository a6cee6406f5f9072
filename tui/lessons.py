"""What a person may want to know behind what the screen says: a title, and a few sentences. The help shows them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lesson:
    """Something to learn."""

    title: str
    text: str


STRIDE = Lesson(
    "Why a multiple of 32?",
    "A detector halves the image five times on its way in: 2⁵ = 32 (P6 models six times: 64). It then joins maps "
    "of neighbouring sizes, and a side that does not halve evenly leaves maps that do not meet. So height and "
    "width must be multiples of the stride; the file says which one, and f takes the nearest.",
)
TWICE = Lesson(
    "Why is the file twice its checkpoint?",
    "A checkpoint stores its weights in FP16, 2 bytes each, to be small. An FP32 file stores the same numbers in "
    "4 bytes each: ×2, and nothing was gained or lost. The FP16 file is as large as the checkpoint. INT8 has 1 "
    "byte a weight, and loses a little. The report of an artifact counts the bytes.",
)
FIT = Lesson(
    "What does the fit count?",
    "All that is alive at the worst moment: the weights, the activations of the layer that needs most, what "
    "PyTorch's allocator rounds up, and on a GPU the CUDA context. FITS: even the most that it may be is free. "
    "WILL NOT FIT: even the least is not. TIGHT: it depends on what only a run can tell. The batch and the area "
    "of the image count, not their ratio: 1536×320 needs less than 800×800.",
)
NOISE = Lesson(
    "What is noise?",
    "No two correct programs add up numbers in the same order, so their answers differ in the last digits. How "
    "far that goes is measured on this very network: its rounding noise. A file within a few times its noise "
    "computes the same thing. With images of yours, what counts is plainer: how many of the things found before "
    "are found still.",
)
VERDICT = Lesson(
    "What do PASS, WARN and FAIL mean?",
    "PASS: the file answers as the weights do, as far as rounding allows; on your images it keeps what they find."
    " WARN: read the first line of its report before you ship it. FAIL: it answers otherwise, and was not "
    "published.",
)
