"""Where the bytes of feeds and reports lie: a folder that no page serves, or a bucket, by settings."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from io import BytesIO

from django.core.files.storage import Storage, storages

# A file without a row is one whose writer died before the row was written; by then nobody is at it any more.
STRAY_AFTER = timedelta(days=1)
AT_ONCE = 500
BLOCK = 1 << 16


def store() -> Storage:
    """The store of documents."""
    return storages["documents"]


def stored(name: str) -> BytesIO:
    """The bytes of a stored file of a size that is read at once.

    Raises FileNotFoundError if there is none, OSError if the store does not answer, whatever kind of store it is.
    """
    try:
        with store().open(name, "rb") as file:
            return BytesIO(file.read())
    except OSError:
        raise
    except Exception as error:
        raise OSError("the store of documents does not answer") from error


def blocks_of(name: str) -> Iterator[bytes]:
    """The bytes of a stored file of any size; it is open only while somebody takes them."""
    with store().open(name, "rb") as file:
        yield from iter(lambda: file.read(BLOCK), b"")


def forget_strays(folder: str, known: Callable[[Sequence[str]], set[str]], *, now: datetime) -> int:
    """Take files out of a folder of the store that no row names; return how many. `known` tells those that one does."""
    old = list(_files_before(folder, now - STRAY_AFTER))
    count = 0
    for start in range(0, len(old), AT_ONCE):
        names = old[start : start + AT_ONCE]
        for name in sorted(set(names) - known(names)):
            store().delete(name)
            count += 1
    return count


def _files_before(folder: str, moment: datetime) -> Iterator[str]:
    """The files below a folder that were written before a moment."""
    try:
        folders, files = store().listdir(folder)
    except FileNotFoundError:
        return
    for name in files:
        if store().get_modified_time(f"{folder}/{name}") < moment:
            yield f"{folder}/{name}"
    for inner in folders:
        yield from _files_before(f"{folder}/{inner}", moment)
