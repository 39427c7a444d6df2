"""Files that appear whole or not at all."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from lineside.core.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import BinaryIO


class PendingFile:
    """A new file under a temporary name beside its place, until `commit` puts it there or `discard` removes it.

    An older file in that place stays as it was until then. What is no regular file (a device, a pipe) has no
    older state: there the temporary name is the place itself.

    Args:
        path: Where the file shall appear. A link is followed.

    Attributes:
        path: The same.
        temporary: Where to write meanwhile. An empty file is there already.

    Raises:
        OutputError: No file can be made there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._target = path.resolve()
            if self._target.is_dir():
                raise OutputError(f"{path}: expected the name of a file, this is a folder")
            self._is_direct = self._target.exists() and not self._target.is_file()
            # The suffix stays, because a video's writer takes the format from it.
            name = f".{self._target.stem[:60]}.{secrets.token_hex(6)}.part{self._target.suffix}"
            self.temporary = self._target if self._is_direct else self._target.with_name(name)
            if not self._is_direct:
                self.temporary.touch(exist_ok=False)
        except OSError as fault:
            raise cannot_write(path, fault) from fault

    def commit(self) -> None:
        """Put the file in its place.

        Raises:
            OutputError: It cannot be renamed; it is removed.
        """
        if self._is_direct:
            return
        try:
            self.temporary.replace(self._target)
        except OSError as fault:
            self.discard()
            raise cannot_write(self.path, fault) from fault

    def discard(self) -> None:
        """Remove the file. It may be gone already."""
        if not self._is_direct:
            self.temporary.unlink(missing_ok=True)


class WholeOrNone(ABC):
    """What is closed when its block ends well, and given up when it raises."""

    @abstractmethod
    def close(self) -> None:
        """What was written appears in its place."""

    @abstractmethod
    def discard(self) -> None:
        """What was written is removed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """The temporary name of a new file; when the block ends well the file appears at `path`.

    When the block raises, the temporary file is removed and an older file at `path` stays as it was.

    Args:
        path: Where the file shall appear.

    Raises:
        OutputError: The file cannot be made, written or renamed, as on a full disk: the block's own `OSError`s
            are translated.
    """
    pending = PendingFile(path)
    try:
        yield pending.temporary
    except OSError as fault:
        pending.discard()
        raise cannot_write(path, fault) from fault
    except BaseException:
        pending.discard()
        raise
    pending.commit()


def write_all(file: BinaryIO, data: bytes) -> None:
    """Every byte is written. An unbuffered file may take only some of them at a time, as when the disk is nearly full.

    Args:
        file: Open for writing, without a buffer.
        data: What to write.

    Raises:
        OSError: The rest cannot be written; the beginning may be in the file.
    """
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def make_folder(path: Path) -> None:
    """The folder exists and takes new files; its missing parents are made too.

    Raises:
        OutputError: It cannot be made, is a file, or is not writable.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise cannot_write(path, fault) from fault
    PendingFile(path / "probe").discard()


def cannot_write(target: object, fault: OSError) -> OutputError:
    """The refusal that a system's error becomes.

    Args:
        target: What was to be written.
        fault: The system's error.
    """
    return OutputError(
        f"{target}: cannot be written: {fault.strerror or fault}. Free space or name another place."
    )
