from collections.abc import Iterator

import pytest

from smartapp.keys import memory


@pytest.fixture(autouse=True)
def empty_memory() -> Iterator[None]:
    """Each test has its own database, so each starts with a process that knows no keys."""
    memory.forget()
    yield
    memory.forget()
