"""The doctor's findings on a page, each as it comes, with what mends it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.http import StreamingHttpResponse
from django.test import AsyncClient

from smartapp.audit.models import AuditEvent
from smartapp.database import in_database
from smartapp.registrations.models import Endpoint, Registration
from tests.registrations.ehr import EHR
from tests.registrations.factories import make_endpoint, make_registration

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def page(ehr: EHR) -> str:
    """The address of the page of an EHR that is nearly well."""
    ehr.answers["/token"] = 400, {"error": "invalid_grant"}, {}

    def rows() -> int:
        registration = make_registration(auth_method="none")
        make_endpoint(
            registration=registration,
            name="<b>Ward</b>",
            fhir_base_url=ehr.base,
            issuers=[ehr.issuer],
            pinned_hosts=[ehr.host],
        )
        return registration.pk

    return f"/admin/registrations/registration/{await in_database(rows)}/doctor/"


async def signed_in(*, is_superuser: bool = False) -> AsyncClient:
    client = AsyncClient()

    def make() -> User:
        return User.objects.create(username="ann", is_staff=True, is_superuser=is_superuser)

    await client.aforce_login(await in_database(make))
    return client


async def chunks(client: AsyncClient, url: str) -> AsyncIterator[str]:
    response: Any = await client.post(url)
    assert isinstance(response, StreamingHttpResponse)
    assert "no-store" in response["Cache-Control"]
    async for chunk in response:
        yield chunk.decode()


async def test_looking_asks_nobody(ehr: EHR, page: str) -> None:
    response = await (await signed_in(is_superuser=True)).get(page)

    assert b"Check now" in response.content
    assert not ehr.asked


async def test_each_finding_comes_when_its_check_is_over(ehr: EHR, page: str) -> None:
    asked = [
        (chunk, ehr.asked.total())
        async for chunk in chunks(await signed_in(is_superuser=True), page)
    ]

    first = next(total for chunk, total in asked if "own-address" in chunk)
    last = next(total for chunk, total in asked if "All checks are done" in chunk)
    assert first == 0
    assert last >= 3
    whole = "".join(chunk for chunk, _ in asked)
    assert "Nothing stops a launch" in whole
    assert "What to do: " in whole
    assert whole.rstrip().endswith("</html>")
    assert "<b>Ward" not in whole


async def test_what_it_pins_was_done_by_who_pressed_the_button(ehr: EHR, page: str) -> None:
    """The lines come after the middleware has let the request go."""
    await in_database(lambda: Endpoint.objects.update(pinned_hosts=[]))
    client = await signed_in(is_superuser=True)
    [_ async for _ in chunks(client, page)]

    event = await in_database(AuditEvent.objects.get, action="discovery.pin")
    assert (event.actor, event.origin) == ("ann", "127.0.0.1")


async def test_a_problem_is_said_at_the_end(ehr: EHR, page: str) -> None:
    ehr.break_down()
    client = await signed_in(is_superuser=True)
    whole = "".join([chunk async for chunk in chunks(client, page)])

    assert "answered 503" in whole
    assert "There are problems" in whole


async def test_without_an_endpoint_there_is_nothing_to_check(ehr: EHR) -> None:
    registration = await in_database(make_registration)
    url = f"/admin/registrations/registration/{registration.pk}/doctor/"
    client = await signed_in(is_superuser=True)
    whole = "".join([chunk async for chunk in chunks(client, url)])

    assert "no endpoint to check" in whole


async def test_who_may_only_look_checks_nothing(ehr: EHR, page: str) -> None:
    client = await signed_in()

    def let_look() -> None:
        user = User.objects.get()
        user.user_permissions.add(Permission.objects.get(codename="view_registration"))

    await in_database(let_look)
    assert (await client.get(page)).status_code == 403
    assert (await client.post(page)).status_code == 403
    assert not ehr.asked


async def test_the_page_of_the_registration_leads_there(page: str) -> None:
    client = await signed_in(is_superuser=True)
    registration = await in_database(Registration.objects.get)
    url = f"/admin/registrations/registration/{registration.pk}/change/"

    assert page.encode() in (await client.get(url)).content
