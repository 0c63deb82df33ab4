"""The portal's settings in a test run: demo mode, real servers, quick passwords, nothing of `.env`."""

import os
import sys

from sellercentral import bootstrap, services

# Processes that tests start (a worker, a command) are handed everything by tests/processes.py instead.
if "PORTAL_TEST_CHILD" not in os.environ:
    _kept_names = {"CHROMIUM", "DATABASE_URL", "REDIS_URL"}
    for _line in (bootstrap.ROOT / ".env.example").read_text(encoding="utf-8").splitlines():
        _name = _line.removeprefix("#").partition("=")[0].strip()
        if _name.isupper() and _name not in _kept_names:
            os.environ.pop(_name, None)
    services.ensure_for_tests()

    # Other people may use the same servers: what this process leaves there carries a name of its own.
    _run = os.environ.setdefault("PORTAL_TEST_RUN", str(os.getpid()))
    _process = f"{_run}-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    os.environ |= {
        "DEMO": "on",
        "SECRET_KEY": "only-for-tests-" + "abcdefghijklmnopqrstuvwxyz" * 2,
        "PORTAL_ENV_FILE": os.devnull,
        # The patient kind: tests empty and drop whole databases, several at a time.
        "PORTAL_PROCESS": "report",
        "PORTAL_VAR": str(bootstrap.ROOT / "var" / "tests"),
        "REDIS_PREFIX": f"portal-test-{_process}:",
        "CELERY_QUEUE": f"portal-test-{_process}",
        # The sync API of Playwright keeps an event loop in the thread of the test.
        "DJANGO_ALLOW_ASYNC_UNSAFE": "true",
    }

from sellercentral.settings import *  # noqa: F403 - on top of the real ones, with that environment
from sellercentral.settings import DATABASES, STORAGES

if "PORTAL_TEST_CHILD" not in os.environ:
    # A database for each run, unless the same one is asked for again; pytest-xdist adds a name per worker.
    _kept = "--reuse-db" in sys.argv or os.environ.get("PORTAL_REUSE_DB") == "on"
    DATABASES["default"]["TEST"] = {"NAME": "test_portal" if _kept else f"test_portal_{_run}"}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Static files are served from where they lie; one test collects them with the real storage.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
