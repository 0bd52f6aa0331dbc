"""The doctor examines the EHR of the tests of registrations."""

from tests.registrations.conftest import ehr, nothing_remembered

__all__ = ["ehr", "nothing_remembered"]
