"""The two ways a file can fail to become a prediction. Both are one line long, for a terminal or an HTTP 422.

```
Exception
├── UnreadableImage       the file holds no image that can be read as a radiograph
└── NotAChestRadiograph   the image was read, and refused: it is no frontal chest radiograph
```
"""


class _Refusal(Exception):
    """``<source>: <reason>``, on one line whatever the file is called."""

    def __init__(self, source: str, reason: str, notes: tuple[str, ...] = ()) -> None:
        super().__init__(source, reason, notes)
        self.source = source
        self.reason = reason
        self.notes = notes

    def __str__(self) -> str:
        return f"{_one_line(self.source)}: {_one_line(self.reason)}"


class UnreadableImage(_Refusal):
    """A file that is not a readable PNG, JPEG or DICOM radiograph.

    Attributes:
        source: path or name of the file.
        reason: what arrived and what was expected.
        notes: what had been assumed about the file before the reading ended, one sentence each.
    """


class NotAChestRadiograph(_Refusal):
    """A readable image that the input gate refuses.

    Attributes:
        source: path or name of the file.
        reason: what arrived and what was expected.
        notes: what had to be assumed about the image, one sentence each.
    """


class Unfit(Exception):
    """Why a content cannot be read; the door, which knows the file's name, makes it an UnreadableImage."""


def _one_line(text: str) -> str:
    """The text with control characters, line breaks and unpaired surrogates written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
