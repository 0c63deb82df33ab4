"""Where the bytes of feeds and reports lie: a folder that no page serves, or a bucket, by settings."""

from django.core.files.storage import Storage, storages


def store() -> Storage:
    """The store of documents."""
    return storages["documents"]
