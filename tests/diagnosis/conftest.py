"""The launches to be explained are those of the tests of launches."""

from tests.launches.conftest import app, browser, ehr_launch, expired, registered

__all__ = ["app", "browser", "ehr_launch", "expired", "registered"]
