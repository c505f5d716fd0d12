"""The one place where text from outside (file names, labels, log lines, cards) is made safe for a terminal.

Textual and Rich pass escape sequences through; a name may hold them. Here, control (Cc), format and bidi (Cf),
surrogate (Cs) and line- or paragraph-separator (Zl, Zp) characters become `�`: a hostile name is seen, and harmless.
"""

import unicodedata

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def clean(text: str, limit: int = 500) -> str:
    """`text` on one line, without anything that a terminal would obey; cut to `limit` characters with `…`."""
    if text.isascii() and text.isprintable():
        safe = text
    else:
        safe = "".join("�" if unicodedata.category(c) in _UNSAFE else c for c in text.replace("\t", " "))
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"
