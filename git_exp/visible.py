"""Text of others made harmless: no terminal can take it for an order."""

from __future__ import annotations

import re

# C0, DEL, C1, line separators, bidi marks and overrides, halves of surrogate pairs; and what nobody
# sees but a program reads: blanks of no width, tags. Joiners stay, which scripts and emoji need.
CONTROL = (
    "[\x00-\x1f\x7f-\x9f\u034f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ud800-\udfff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)

# These alone of them Python calls printable.
_UNSEEN = re.compile("[\u034f\U000e0100-\U000e01ef]")


def escape(text: str, keep: str = "") -> str:
    """Text that a terminal cannot take for an order: ESC is `^[`, others are `^X` or `\\x9b`.

    Line feeds and tabs too, unless they are among the characters to keep.
    """
    # Nearly all text is plain, and a long listing is a great deal of it.
    if text.isprintable() and (text.isascii() or not _UNSEEN.search(text)):
        return text
    return re.sub(CONTROL, lambda one: _visible(one[0], keep), text)


def _visible(sign: str, keep: str) -> str:
    code = ord(sign)
    if sign in keep:
        return sign
    if code < 0x20 or code == 0x7F:
        return f"^{chr(code ^ 0x40)}"
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
