from typing import Any

from smartapp.record.devices import NO_LONGER, NOT_NAMED, devices_to_follow, read_devices
from smartapp.record.elements import Resource
from smartapp.record.facts import Fact
from tests.chart.samples import about_patient, concept
from tests.record.samples import given

UDI = "(01)00844588003288(17)141120(10)7654321D(21)10987654d321"


def fact(resource: Resource, related: dict[str, Resource] | None = None) -> Fact:
    (only,) = read_devices(given(resource, related=related)).entries
    return only


def device(**members: Any) -> Resource:
    return about_patient("Device", "d", **{"status": "active", **members})


def test_an_implant_has_its_udi_and_numbers() -> None:
    """The shape of US Core's implantable device."""
    found = fact(
        device(
            type=concept("Coronary stent"),
            deviceName=[{"name": "Stent X", "type": "manufacturer-name"}],
            udiCarrier=[{"deviceIdentifier": "00844588003288", "carrierHRF": UDI}],
            manufacturer="Acme",
            lotNumber="7654321D",
            serialNumber="10987654d321",
            manufactureDate="2014-11-20",
            expirationDate="2024-11-20",
            safety=[concept("MR conditional")],
        )
    )
    assert found.name == "Coronary stent, Stent X"
    assert found.lines == (f"UDI: {UDI}", "safety: MR conditional")
    assert found.details == (
        "Acme",
        "lot 7654321D",
        "serial 10987654d321",
        "made 20 Nov 2014",
        "expires 20 Nov 2024",
    )


def test_one_that_is_no_longer_in_use_is_folded() -> None:
    found = fact(device(status="inactive", statusReason=[concept("Removed")]))
    assert (found.name, found.fold, found.is_counted) == (NOT_NAMED, NO_LONGER, False)
    assert found.lines == ("why: Removed",)


def test_reported_use_has_the_devices_name() -> None:
    use = about_patient(
        "DeviceUseStatement",
        "u",
        status="active",
        device={"reference": "Device/d"},
        timingPeriod={"start": "2020-03"},
        reasonCode=[concept("Sleep apnoea")],
    )
    found = fact(use, {"Device/d": device(type=concept("CPAP machine"))})
    assert found.name == "CPAP machine"
    assert found.lines == ("because of: Sleep apnoea",)
    assert devices_to_follow([use, device()]) == ("Device/d",)
