"""The code in a TorchScript file with some of its words changed, and now and then with harmful ones put in."""

from __future__ import annotations

import re

from support.fuzz.dice import Dice

_WORD = re.compile(r'[A-Za-z_][A-Za-z0-9_]*|[0-9.]+|"[^"\n]*"|\n *|.', re.DOTALL)
HARMFUL = ("from_file", "save", "load", "read_file", "system", "print", "fork", "manual_seed", "as_strided", "set_")
_LINES = (
    'x = torch.from_file("victim", True, 16)',
    'torch.save(x, "victim")',
    'x = ops.aten.from_file("victim", True, 16)',
    'x = ops.image.read_file("victim")',
    "x = fork(self.forward, x)",
    "x = x.as_strided([1], [1], 100)",
    "x = x.set_(x)",
    'getattr(torch, "save")(x, "victim")',
    "print(x)",
    "_0 = print",
    "y = unchecked_cast(__torch__.M, x)",
    'def __setstate__(self, state: Tuple[str, bool]) -> NoneType:\n    torch.save(state, "victim")',
)
_WORDS = (
    *("torch", "ops", "prim", "aten", "CONSTANTS", "__torch__", "self", "forward", "__setstate__", "getattr", "class"),
    *("def", "import", "lambda", "with", "while", "for", "if", "return", ".", "(", ")", "[", "]", ",", ":", "=", '"'),
    *(
        "\n    ",
        "\n",
        "\t",
        "\0",
        "\r\n",
        "#",
        "'",
        '"""',
        "\\",
        "é",
        "\u202e",
        "1e999",
        "add",
        "Tensor",
        *HARMFUL,
    ),
)


def changed(text: str, dice: Dice) -> str:
    """The code, changed in one place or in a few."""
    words = _WORD.findall(text)
    for _ in range(dice.few()):
        if not words:
            break
        i = dice.randrange(len(words))
        match dice.randrange(7):
            case 0:
                del words[dice.part(len(words), 20)]
            case 1:
                piece = words[dice.part(len(words), 20)]
                words[i:i] = piece * min(dice.times(), 100)
            case 2:
                words[i] = dice.choice(words)
            case 3:
                words[i] = dice.choice(_WORDS)
            case 4:
                words.insert(i, dice.choice(_WORDS))
            case 5:
                lines = [i for i, word in enumerate(words) if word.startswith("\n")]
                place = dice.choice(lines) if lines else 0
                words.insert(place, "\n    " + dice.choice(_LINES))
            case _:
                words[i] = dice.bytes_changed(words[i].encode()).decode("utf-8", "replace")
    return "".join(words)


def harmful(text: str) -> str:
    """A word of the code that does harm where it is called; empty if there is none. What is text in it does none."""
    plain = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)
    found = re.search(rf"(?:torch|ops\.\w+|\))\s*\.\s*({'|'.join(HARMFUL)})\s*\(|\b(print|fork)\s*\(", plain)
    return (found[1] or found[2]) if found else ""
