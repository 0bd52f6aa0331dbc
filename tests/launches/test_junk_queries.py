"""What a query holds that no page asked for is the sender's mistake on every page of the
administration: never an error of ours. The pages are found in the URL resolver."""

from smartapp.database import in_database
from tests.launches.test_private_material import administrator, urls, world

__all__ = ["world"]
JUNK = ("foo=1&foo__bar=1", "pk__in=x&registration=x&launch=x", "q=%00&next=%00&p=x&o=x.-.99")


def send_junk(uuid: str) -> set[str]:
    """Send it to every page as the one who may see everything; the client raises our errors."""
    client = administrator()
    pages = set()
    for url, name in urls(uuid):
        for junk in JUNK:
            answer = client.get(f"{url}?{junk}")
            assert answer.status_code < 500, f"{name}?{junk}"
        pages.add(name)
    return pages


async def test_junk_in_a_query_is_no_error_of_ours(world: str) -> None:
    assert "admin:audit_auditevent_export" in await in_database(send_junk, world)
