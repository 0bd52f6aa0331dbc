"""The admin page of one endpoint's discovery: what the EHR publishes and which of it is used, which
hosts are accepted, which addresses are overridden and why, and how the document changed (C14)."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core import signing
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from smartapp import http
from smartapp.protocol import discovery as published
from smartapp.protocol.errors import DiscoveryIncomplete, DiscoveryInvalid, SmartError
from smartapp.registrations import discovery, history, registry, trust
from smartapp.registrations.discovery import (
    check_needs,
    named_hosts,
    not_accepted,
    undecided,
)
from smartapp.registrations.models import DiscoverySnapshot, Endpoint, EndpointOverride, Member
from smartapp.registrations.options import pasted
from smartapp.registrations.registry import EndpointConfig
from smartapp.registrations.trust import Observation

SHOWN = "smartapp.registrations.discovery_page"


class OverrideForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    class Meta:
        model = EndpointOverride
        fields = ("member", "url", "reason")
        widgets = {
            "url": pasted(),
            "reason": forms.TextInput(attrs={"class": "vTextField"}),
        }

    @property
    def to_be_confirmed(self) -> str:
        """The address that discovery publishes under another name and a person has to confirm."""
        return self.instance.url if self.has_error("url", trust.UNCONFIRMED) else ""


@dataclass(frozen=True, slots=True)
class Address:
    """One address on the page: what the EHR publishes, what is used, and who overrode it."""

    label: str
    member: str
    published: str
    used: str
    override: EndpointOverride | None


class DiscoveryPages(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """The part of `RegistrationAdmin` for discovery."""

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                "endpoint/<int:endpoint_id>/discovery/",
                self.admin_site.admin_view(self.discovery_view),
                name="registrations_endpoint_discovery",
            ),
            *super().get_urls(),
        ]

    def discovery_view(self, request: HttpRequest, endpoint_id: int) -> HttpResponse:
        """Show what an EHR publishes. A POST reads it now, accepts the hosts that were shown (C14),
        or overrides an address (C10, C91)."""
        endpoint = get_object_or_404(
            Endpoint.objects.select_related("registration__key_set"), pk=endpoint_id
        )
        if not self.has_view_permission(request, endpoint.registration):
            raise PermissionDenied
        if request.method != "POST":
            return self._page(request, endpoint)
        if not self.has_change_permission(request, endpoint.registration):
            raise PermissionDenied
        actions: dict[str, Callable[[HttpRequest, Endpoint], HttpResponse]] = {
            "accept": self._accept,
            "refuse": self._refuse,
            "distrust": self._distrust,
            "override": self._override,
            "unset": self._unset,
        }
        act = next((actions[name] for name in actions if name in request.POST), self._read_now)
        return act(request, endpoint)

    def _read_now(self, request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
        observation = self._observe(request, endpoint)
        endpoint.refresh_from_db()
        return self._page(request, endpoint, observation)

    def _observe(self, request: HttpRequest, endpoint: Endpoint) -> Observation | None:
        config = registry.describe(endpoint)
        try:
            return http.run(
                discovery.observe(config)
                if config.pinned_hosts
                else discovery.pin_first(config, actor=request.user.get_username())
            )
        except SmartError as error:
            self.message_user(request, f"{error.title}: {error.detail}.", messages.ERROR)
            return None

    def _accept(self, request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
        """Pin the hosts that the page showed, if the EHR still publishes the same."""
        hosts = hosts_shown(endpoint, request.POST.get("shown", ""))
        if not hosts:
            said = "Nothing was accepted: the EHR or what it names has changed. Look again."
            self.message_user(request, said, messages.ERROR)
            return HttpResponseRedirect(request.path)
        try:
            actor = request.user.get_username()
            trust.accept(endpoint.pk, hosts, now=timezone.now(), actor=actor)
        except DiscoveryInvalid as error:
            self.message_user(request, f"Not accepted: {error.detail}.", messages.ERROR)
        else:
            self.message_user(request, "The hosts are accepted. Launches go on.", messages.SUCCESS)
        return HttpResponseRedirect(request.path)

    def _refuse(self, request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
        """Refuse the hosts that the page showed."""
        if hosts := hosts_shown(endpoint, request.POST.get("shown", "")):
            actor = request.user.get_username()
            trust.refuse(endpoint.pk, hosts, now=timezone.now(), actor=actor)
            said = "The hosts are refused. The addresses on them stay unused."
            self.message_user(request, said, messages.SUCCESS)
        else:
            said = "Nothing was refused: the EHR or what it names has changed. Look again."
            self.message_user(request, said, messages.ERROR)
        return HttpResponseRedirect(request.path)

    def _distrust(self, request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
        host = request.POST["distrust"]
        actor = request.user.get_username()
        if trust.distrust(endpoint.pk, host, now=timezone.now(), actor=actor):
            said = "Nobody is sent to it any more, unless an overridden address is on it."
            self.message_user(request, f"{host}: {said}", messages.SUCCESS)
        else:
            said = "Nothing was changed: it is the last accepted host, or none of them."
            self.message_user(request, said, messages.ERROR)
        return HttpResponseRedirect(request.path)

    def _override(self, request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
        override = EndpointOverride(endpoint=endpoint)
        form = OverrideForm(request.POST, instance=override)
        if not form.is_valid():
            return self._page(request, endpoint, form=form)
        try:
            trust.put_override(
                override,
                now=timezone.now(),
                actor=request.user.get_username(),
                confirmed=request.POST.get("confirmed", ""),
            )
        except ValidationError as error:
            form.add_error(None, error)
            return self._page(request, endpoint, form=form)
        if override.member == Member.SMART_CONFIGURATION:
            self._observe(request, endpoint)
        said = (
            f"{override.get_member_display()}: your address is used from now on. Press Check "
            "on the page of the registration to see whether it works."
        )
        self.message_user(request, said, messages.SUCCESS)
        return HttpResponseRedirect(request.path)

    def _unset(self, request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
        member = request.POST["unset"]
        trust.remove_override(endpoint.pk, member, actor=request.user.get_username())
        if member == Member.SMART_CONFIGURATION:
            endpoint.refresh_from_db()
            self._observe(request, endpoint)
        said = "What the EHR publishes is used again."
        self.message_user(request, said, messages.SUCCESS)
        return HttpResponseRedirect(request.path)

    def _page(
        self,
        request: HttpRequest,
        endpoint: Endpoint,
        observation: Observation | None = None,
        form: OverrideForm | None = None,
    ) -> HttpResponse:
        config = registry.describe(endpoint)
        hosts = sorted(unaccepted_hosts(config, observation)) if config.pinned_hosts else []
        snapshots = list(endpoint.discovery_snapshots.all()[: history.SNAPSHOTS_KEPT])
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Discovery of {endpoint.name}",
            "endpoint": endpoint,
            "observation": observation,
            "new_hosts": hosts,
            "undecided": set(hosts) - config.refused_hosts,
            "stopped": stops(config, hosts),
            "shown": signing.dumps(_basis(endpoint) | {"hosts": hosts}, salt=SHOWN),
            "refusal": trust.refusal(endpoint) if hosts or not config.pinned_hosts else "",
            "addresses": addresses(endpoint, config),
            "form": form or OverrideForm(),
            "snapshots": with_differences(snapshots),
            "may_change": self.has_change_permission(request, endpoint.registration),
        }
        return TemplateResponse(request, "registrations/discovery.html", context)


def _basis(endpoint: Endpoint) -> dict[str, Any]:
    """Return the facts that the list of shown hosts depends on."""
    config = registry.describe(endpoint)
    snapshot = history.newest(config)
    return {
        "endpoint": endpoint.pk,
        "url": config.discovery_url,
        "digest": snapshot.digest if snapshot else "",
        "issuers": endpoint.issuers,
    }


def hosts_shown(endpoint: Endpoint, posted: str) -> list[str]:
    """Return the hosts that a page of this endpoint offered for acceptance; none if the facts have
    changed since. The list is signed, so only hosts that were shown can be accepted."""
    try:
        shown = signing.loads(posted, salt=SHOWN)
    except signing.BadSignature:
        return []
    hosts: list[str] = shown.pop("hosts")
    return hosts if shown == _basis(endpoint) else []


def unaccepted_hosts(config: EndpointConfig, observation: Observation | None) -> frozenset[str]:
    """Return the hosts that the EHR names, now or when it was last read, and that are not
    accepted."""
    if observation:
        return named_hosts(config, observation) - config.accepted_hosts
    return published.hosts(history.last_read(config)) - config.accepted_hosts


def stops(config: EndpointConfig, hosts: Collection[str]) -> bool:
    """Return whether launches or sign-ins wait until these hosts are accepted. They do, unless the
    hosts are only those of addresses that launches and sign-ins do not need."""
    read = history.last_read(config)
    can_do_without = published.hosts(read) - published.launch_hosts(read)
    return bool(set(hosts) - can_do_without)


def with_last_document(endpoints: QuerySet[Endpoint]) -> QuerySet[Endpoint]:
    """Return the endpoints with everything that `state` needs: two queries for a whole list."""
    newest = DiscoverySnapshot.objects.filter(endpoint=OuterRef("pk")).order_by(
        "-last_seen_at", "-id"
    )
    return (
        endpoints.select_related("registration__key_set")
        .prefetch_related("overrides")
        .annotate(last_document=Subquery(newest.values("document")[:1]))
    )


class State(StrEnum):
    """Whether an endpoint can be used; the most urgent state first."""

    STOPPED = "New launches are stopped: the EHR names a host that nobody has accepted"
    INCOMPLETE = "Nobody can launch: the EHR does not publish all that a launch needs"
    UNREAD = "Waits for the EHR: its discovery was never read"
    WITHOUT_CLIENT_ID = "Waits for its client id"
    PARTLY = "Ready, but without an address on a host that nobody has accepted"
    WITHOUT_REFUSED = "Ready, without an address on a host that an administrator refused"
    OFF = "Switched off"
    READY = "Ready"


def state(endpoint: Any) -> State:
    """Return the state of an endpoint that was loaded by `with_last_document`."""
    config = registry.describe(endpoint)
    if not config.client_id:
        return State.WITHOUT_CLIENT_ID
    if not (endpoint.enabled and endpoint.registration.enabled):
        return State.OFF
    if not config.pinned_hosts:
        return State.UNREAD
    return _state_of(endpoint.last_document, config) if endpoint.last_document else State.READY


def _state_of(document: dict[str, Any], config: EndpointConfig) -> State:
    parsed = history.parse_if_allowed(document, config)
    if published.launch_hosts(parsed) - config.accepted_hosts:
        return State.STOPPED
    try:
        check_needs(config, trust.overridden(config, parsed))
    except DiscoveryIncomplete:
        return State.INCOMPLETE
    if undecided(config, parsed):
        return State.PARTLY
    return State.WITHOUT_REFUSED if not_accepted(config, parsed) else State.READY


def addresses(endpoint: Endpoint, config: EndpointConfig) -> list[Address]:
    """Return each address that may be overridden, as published and as used."""
    rows = {row.member: row for row in endpoint.overrides.all()}
    return [_address(member, config, rows.get(member)) for member in Member]


def _address(member: Member, config: EndpointConfig, override: EndpointOverride | None) -> Address:
    says = trust.published_address(config, member)
    return Address(member.label, member, says, override.url if override else says, override)


def with_differences(
    snapshots: list[DiscoverySnapshot],
) -> list[tuple[DiscoverySnapshot, list[history.Difference]]]:
    """Return each snapshot, newest first, with what changed in it."""
    before = [*(snapshot.document for snapshot in snapshots[1:]), {}]
    return [
        (snapshot, history.differences(earlier, snapshot.document))
        for snapshot, earlier in zip(snapshots, before, strict=False)
    ]
