"""Output on terminals and pipes that are not UTF-8: what they cannot show is replaced, never an error."""

import codecs
import sys

_HANDLER = "chexnet.nearest"
_NEAREST = {
    "–": "-", "—": "-", "−": "-", "×": "x", "±": "+-", "…": "...", "≥": ">=", "≤": "<=", "→": "->",
    "“": '"', "”": '"', "‘": "'", "’": "'", "•": "*",
}  # fmt: skip
"""Signs of the tables and notes, for encodings that lack them."""


def show_what_can_be_shown() -> None:
    """Let both output streams replace characters that their encoding lacks, such as an en dash in Latin-1."""
    codecs.register_error(_HANDLER, _replace)
    for stream in (sys.stdout, sys.stderr):
        # A stream that a program has put in their place may lack the method; its encoding is its own affair.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=_HANDLER)


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = "".join(_NEAREST.get(sign, "?") for sign in error.object[error.start : error.end])
    return text, error.end
