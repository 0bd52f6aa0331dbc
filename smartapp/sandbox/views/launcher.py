"""The launcher: users and programs start EHR launches here and watch the outcome."""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from smartapp.sandbox import (
    addresses,
    faults,
    framing,
    launches,
    patient_search,
    people,
    signing_keys,
    unregistered_apps,
    worlds,
)
from smartapp.sandbox.fhir import store
from smartapp.sandbox.launches import LaunchImpossible, Scene
from smartapp.sandbox.models import Client, find_client
from smartapp.sandbox.patient_search import searchable
from smartapp.sandbox.views.clients import page_of
from smartapp.sandbox.worlds import World

DEFAULT_INTENT = "summary-timeline-view"
FRAME_SANDBOX = (
    "allow-downloads allow-forms allow-modals allow-pointer-lock allow-popups "
    "allow-popups-to-escape-sandbox allow-same-origin allow-scripts"
)
"""The `sandbox` attribute that athenahealth is said to use: a framed app may do anything except
navigate the EHR's window."""
CHART, LIST, PORTAL = "chart", "list", "portal"
WAYS = {
    CHART: "From the chart of the chosen patient",
    LIST: "Without a patient: chosen from a list during the launch",
    PORTAL: "From the patient portal, as the patient",
}
MAX_INTENT_CHARACTERS = 100
ANNOUNCED = {
    World.PRODUCTION: "announces what athenahealth announces",
    World.PREVIEW: "the same, for trying out",
    World.STRICT: "announces SMART App Launch 2.2 to the letter",
    World.BCP: "the same, and the issuer in every authorization response",
}


@dataclass(frozen=True, slots=True)
class Started:
    """A launch that was created: the values for the app's launch URL."""

    iss: str
    launch: str
    launch_url: str

    @property
    def location(self) -> str:
        joint = "&" if "?" in self.launch_url else "?"
        query = urlencode({"iss": self.iss, "launch": self.launch})
        return f"{self.launch_url}{joint}{query}"


@never_cache
@require_GET
def launch(request: HttpRequest) -> HttpResponse:
    """Start an EHR launch and open the app; with `format=json` return the values instead."""
    wants_json = request.GET.get("format") == "json"
    try:
        started = _started(request)
    except LaunchImpossible as exc:
        return _impossible(request, str(exc), wants_json=wants_json)
    if wants_json:
        return JsonResponse(
            {"iss": started.iss, "launch": started.launch, "launch_url": started.launch_url}
        )
    response = HttpResponse(status=HTTPStatus.FOUND)
    response.headers["Location"] = started.location
    return response


def _started(request: HttpRequest) -> Started:
    values = request.GET
    client = None if values.get("launch_url") else _client(request)
    launch_url = client.launch_url if client else _tried_launch_url(values["launch_url"])
    if client and not launch_url:
        raise LaunchImpossible(f"{client.name} has no launch URL.")
    intent = values.get("intent", DEFAULT_INTENT)
    if len(intent) > MAX_INTENT_CHARACTERS or not intent.isprintable():
        raise LaunchImpossible("The intent is too long, or no text.")
    value = launches.start(
        client,
        _scene(request),
        intent=intent,
        need_patient_banner=values.get("need_patient_banner") != "false",
        faults=_chosen_faults(request),
        ask_patient=values.get("way") == LIST,
    )
    with worlds.within(client.world if client else _world(values.get("world", ""))):
        return Started(addresses.fhir_base_url(), value, launch_url)


def _tried_launch_url(url: str) -> str:
    if not unregistered_apps.is_loopback(url):
        raise LaunchImpossible(
            "Without a registration only an app on this machine can be tried: its launch URL "
            "begins with http://127.0.0.1 or http://localhost."
        )
    return url


def _world(name: str) -> World:
    if name and name not in World:
        raise LaunchImpossible(f"There is no world {name}.")
    return World(name) if name else World.PRODUCTION


def _client(request: HttpRequest) -> Client:
    client = find_client(request.GET.get("client_id"))
    if client is None:
        raise LaunchImpossible(
            "No app is registered here under this client_id. It is compared letter by letter: "
            "look for it among the apps that are registered here, or register yours."
        )
    return client


def _chosen_faults(request: HttpRequest) -> str:
    chosen = request.GET.get("fault", "")
    try:
        faults.parse(chosen)
    except faults.FaultUnknown as exc:
        raise LaunchImpossible(str(exc)) from exc
    return chosen


@never_cache
@require_GET
def standalone(request: HttpRequest) -> HttpResponse:
    """Redirect to the app's standalone URL; its next launch gets the chosen faults.

    A 2-legged client gets them in its next token request.
    """
    wants_json = request.GET.get("format") == "json"
    try:
        client, chosen = _client(request), _chosen_faults(request)
        next_page = page_of(client) if client.kind == Client.Kind.SERVICE else client.standalone_url
        if not next_page and not wants_json:
            raise LaunchImpossible(
                f"{client.name} has no standalone URL. Give its record one; or add format=json to "
                "this address, which lets the fault wait, and open the app yourself."
            )
    except LaunchImpossible as exc:
        return _impossible(request, str(exc), wants_json=wants_json)
    client.next_faults = chosen
    client.save(update_fields=["next_faults"])
    if wants_json:
        return JsonResponse({"standalone_url": client.standalone_url, "fault": chosen})
    return redirect(next_page)


@never_cache
@require_POST
def rotate_key(_request: HttpRequest) -> HttpResponse:
    """Sign id_tokens with a new key from now on; the older ones stay published (S43)."""
    signing_keys.rotate()
    return redirect("sandbox:launcher")


def _scene(request: HttpRequest) -> Scene:
    """Return the scene; in the portal, patients open their own record."""
    values = request.GET
    user, patient = values.get("user", ""), values.get("patient", "")
    if values.get("way") == PORTAL:
        user = patient or people.PATIENT
    return launches.set_scene(user, patient, values.get("encounter", ""))


def _impossible(request: HttpRequest, reason: str, *, wants_json: bool) -> HttpResponse:
    status = HTTPStatus.BAD_REQUEST
    if wants_json:
        return JsonResponse({"error": "launch_impossible", "reason": reason}, status=status)
    return render(request, "sandbox/impossible.html", {"reason": reason}, status=status)


@never_cache
@require_GET
def launcher(request: HttpRequest) -> HttpResponse:
    """Show the launcher: the choice of app, patient, visit and clinician, and the worlds."""
    apps = list(Client.objects.exclude(kind=Client.Kind.SERVICE))
    search = request.GET.get("search", "").strip()
    try:
        scene = _scene(request)
    except LaunchImpossible as exc:
        return _impossible(request, str(exc), wants_json=False)
    context = {
        "page": "launcher",
        "apps": apps,
        "app": _chosen_app(apps, request.GET.get("client_id", "")),
        "doors": [app for app in apps if app.standalone_url],
        "scene": scene,
        "clinicians": people.clinicians(),
        "search": search,
        "patients": [(one, searchable(one.id)) for one in patient_search.find(search)],
        "worlds": [_described(world) for world in World],
        "faults": faults.by_part(),
        "ways": WAYS,
        "chosen": request.GET,
        "unknown_app": _unknown_app(apps, request.GET.get("client_id", "")),
    }
    response = render(request, "sandbox/launcher.html", context)
    framing.frame_apps(response, *_app_urls(apps))
    return response


def _described(world: World) -> dict[str, str]:
    """Return a world's URLs and what its discovery announces. Links are relative, so the host stays
    the same."""
    with worlds.within(world):
        base, issuer = addresses.fhir_base_url(), addresses.issuer()
    return {
        "name": world,
        "announces": ANNOUNCED[world],
        "fhir_base_url": base,
        "fhir_path": urlsplit(base).path,
        "issuer_path": urlsplit(issuer).path,
    }


def _app_urls(apps: list[Client]) -> list[str]:
    return [url for app in apps for url in (app.launch_url, app.standalone_url)]


def _unknown_app(apps: list[Client], client_id: str) -> str:
    """Return the client_id in the URL if no such app is registered here."""
    return "" if any(app.client_id == client_id for app in apps) else client_id


def _chosen_app(apps: list[Client], client_id: str) -> Client | None:
    launchable = [app for app in apps if app.launch_url]
    chosen = [app for app in launchable if app.client_id == client_id]
    return next(iter([*chosen, *launchable]), None)


@never_cache
@require_GET
def frame(request: HttpRequest) -> HttpResponse:
    """Show the app inside an EHR: its page in a frame below the patient's banner."""
    client = find_client(request.GET.get("client_id"))
    try:
        scene, chosen = _scene(request), _chosen_faults(request)
    except LaunchImpossible as exc:
        return _impossible(request, str(exc), wants_json=False)
    if client is None or not client.launch_url:
        return _impossible(request, "There is no such app to open.", wants_json=False)
    query = {
        "client_id": client.client_id,
        "user": scene.person.username,
        "patient": scene.patient.id,
        "encounter": scene.encounter,
        "way": PORTAL if request.GET.get("way") == PORTAL else CHART,
        "need_patient_banner": "false",
        "fault": chosen,
    }
    context = {
        "client": client,
        "scene": scene,
        "source": f"{addresses.own('launch')}?{urlencode(query)}",
        "sandbox": FRAME_SANDBOX,
        "app_origin": addresses.origin(client.launch_url),
        "changes_after_seconds": faults.parse(chosen).get("frame-patient-changes"),
        "next_scene": _next_scene(scene),
    }
    response = render(request, "sandbox/frame.html", context)
    framing.frame_apps(response, client.launch_url, *client.redirect_uris)
    return response


def _next_scene(scene: Scene) -> Scene:
    """Return the scene after this one, for the fault that opens another patient."""
    everybody = [patient.id for patient in store.patients()]
    following = (everybody.index(scene.patient.id) + 1) % len(everybody)
    return launches.set_scene(people.CLINICIAN, everybody[following], "")
