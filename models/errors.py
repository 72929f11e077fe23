"""What can go wrong below the service.

    ModelError
    ├── ArchiveError              an archive cannot be served; names the archive, the member and the reason
    │   ├── UnsafeArchive         it tries to do something an archive must not do
    │   ├── BrokenArchive         it is damaged or contradicts itself
    │   ├── UnsupportedArchive    it holds something that is not implemented here
    │   ├── MissingFiles          it refers to files that are not in the hub directory
    │   └── NotExportable         a label set cannot be written in its format
    ├── InvalidInstance           an instance cannot be answered; says what is accepted
    └── ExtensionError            labels cannot be added as asked; says what would be accepted
        └── LabelExists           a classifier has one of them already

Messages are written for the person who sent the archive or the instance: what was wrong, what to do,
which choices are valid. They hold no absolute path and no stack trace.
"""

from __future__ import annotations


class ModelError(Exception):
    """Anything that `models` refuses on purpose."""


class ArchiveError(ModelError):
    """An archive cannot be served.

    `archive` is the archive's name, `member` the file inside it (None when it is the archive as a
    whole), `reason` a sentence.
    """

    def __init__(self, archive: str, member: str | None, reason: str) -> None:
        super().__init__(archive, member, reason)
        self.archive = archive
        self.member = member
        self.reason = reason

    def __str__(self) -> str:
        where = f"{self.archive}, {self.member}" if self.member else self.archive
        return f"{where}: {self.reason}"


class UnsafeArchive(ArchiveError):
    """The archive tries to do something an archive must not do."""


class BrokenArchive(ArchiveError):
    """The archive is damaged or contradicts itself."""


class UnsupportedArchive(ArchiveError):
    """The archive holds something that is not implemented here."""


class MissingFiles(ArchiveError):
    """The archive refers to files that are not in the hub directory."""


class NotExportable(ArchiveError):
    """A label set cannot be written in the format of the archive that it belongs to."""


class InvalidInstance(ModelError):
    """An instance cannot be answered. The message says why and what is accepted.

    `field` names the input at fault where there is one.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field

    def __str__(self) -> str:
        return self.message


class ExtensionError(ModelError):
    """Labels cannot be added as asked. The message says why and what is accepted.

    `field` names the part of the request at fault: labels, examples, prior or l2.
    """

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.message = message
        self.field = field

    def __str__(self) -> str:
        return self.message


class LabelExists(ExtensionError):
    """A classifier has one of the labels already."""
