"""Where files that shops send and order lie: a folder, or a bucket of an S3-compatible store, by `DOCUMENTS_URL`."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def documents_storage(url: str, folder: Path) -> dict[str, Any]:
    """An entry of Django's STORAGES. Without a URL a folder that no page serves.

    `s3://KEY:SECRET@HOST/BUCKET` is a bucket of an S3-compatible store at https://HOST; `?region=…` names its region,
    `?plain=1` speaks http to it. Without a host it is one of Amazon's own.

    Raises ImproperlyConfigured if the URL names no bucket or another kind of store.
    """
    if not url:
        options: dict[str, Any] = {
            "location": folder,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        }
        return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    parts = urlsplit(url)
    bucket, asked = parts.path.strip("/"), parse_qs(parts.query)
    if parts.scheme != "s3" or not bucket or "/" in bucket:
        raise ImproperlyConfigured("DOCUMENTS_URL must be s3://KEY:SECRET@HOST/BUCKET.")
    options = {
        "bucket_name": bucket,
        "access_key": unquote(parts.username or "") or None,
        "secret_key": unquote(parts.password or "") or None,
        "region_name": asked.get("region", [None])[0],
        "default_acl": None,
        "file_overwrite": False,
    }
    if parts.hostname:
        port = f":{parts.port}" if parts.port else ""
        scheme = "http" if asked.get("plain") == ["1"] else "https"
        options |= {"endpoint_url": f"{scheme}://{parts.hostname}{port}", "addressing_style": "path"}
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
