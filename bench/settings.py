"""The portal's settings as in production, in the environment that `bench.ground` lays."""

from sellercentral.settings import *  # noqa: F403 - on top of the real ones
from sellercentral.settings import STORAGES

# Static files carry their hashes as in production, but are not compressed: nobody fetches them here.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
