"""`python -m … BEFORE AFTER`: run onnxsim on a file, in a process that may die without harm."""

from __future__ import annotations

import sys


def main() -> int:
    before, after = sys.argv[1:]
    # onnxsim imports torch where it can, which costs seconds and serves nothing here.
    sys.modules["torch"] = None  # pyright: ignore[reportArgumentType]
    import onnx
    import onnxsim

    model, sound = onnxsim.simplify(before)
    if not sound:
        return 1
    onnx.save(model, after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
