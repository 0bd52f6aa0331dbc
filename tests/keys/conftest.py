from collections.abc import Iterator

import pytest

from smartapp.keys import memory


@pytest.fixture(autouse=True)
def empty_memory() -> Iterator[None]:
    """Forget all keys: each test has its own database."""
    memory.forget()
    yield
    memory.forget()
