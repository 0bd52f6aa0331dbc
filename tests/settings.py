"""The app's settings with changes for tests; every secret here is for tests only."""

import os
import tempfile
from pathlib import Path

os.environ.update(
    SECRET_KEY="tests-only-secret-key-0123456789-abcdefghijklmnopqrstuvwxyz",
    ENCRYPTION_KEYS="dGVzdHMtb25seS1rZXktMDEyMzQ1Njc4OS1hYmNkZWY",
    SANDBOX="on",
    ALLOW_LOOPBACK_EHRS="on",
    DEBUG="off",
    PUBLIC_URL="http://127.0.0.1:8000",
)

from smartapp.settings import *  # noqa: F403
from smartapp.settings import DATABASES, STORAGES

STORAGES["staticfiles"] = {
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage",
}
# A test that loads a page twice has changed the EHR in between.
READ_AGAIN_SECONDS = 0
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# If possible in memory, so that no test waits for a disk.
_memory = Path("/dev/shm")  # noqa: S108
_parent = _memory if os.access(_memory, os.W_OK) else Path(tempfile.gettempdir())
TEST_FOLDER = _parent / f"smartapp-tests-{os.getpid()}"
# A file and not a database in memory, because the app's database threads must share it.
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["TEST"] = {"NAME": str(TEST_FOLDER / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"]["init_command"] = (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
    )
