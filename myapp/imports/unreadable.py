"""Why a file cannot be read, in words its owner can act on.

Each class is one reason; its docstring is the message unless a more exact one is given.
"""

import inspect


class Unreadable(ValueError):
    """This file cannot be read as a table of contacts; export it again as CSV in UTF-8."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or inspect.cleandoc(type(self).__doc__ or ""))

    @property
    def message(self) -> str:
        """The sentence for people."""
        return str(self)


class EmptyFile(Unreadable):
    """This file is empty; export your contacts again and choose the new file."""


class BlankFile(Unreadable):
    """This file holds only blank lines; export your contacts again and choose the new file."""


class HeaderOnly(Unreadable):
    """This file has a header but no rows; check the filter of the export and try again."""


class NotText(Unreadable):
    """This file is not text; export your contacts as CSV and choose that file."""

    def __init__(self, looks_like: str) -> None:
        super().__init__(
            f"This file looks like {looks_like}, not like a CSV file; "
            "export your contacts as CSV and choose that file."
        )


class UnknownEncoding(Unreadable):
    """The encoding of this file is not known; save it as CSV in UTF-8 and try again."""


class WrongEncoding(Unreadable):
    """This file cannot be read in the chosen encoding; choose another one."""


class LineTooLong(Unreadable):
    """This file has no usable line breaks; export it again with one contact per line."""
