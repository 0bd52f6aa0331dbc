from http.cookies import Morsel

from django.apps import AppConfig


class SmartappConfig(AppConfig):
    name = "smartapp"

    def ready(self) -> None:
        from smartapp import checks  # noqa: F401 - registers them, once models can be imported

        # Python before 3.14 does not know `Partitioned`. Without it no cookie is sent back inside
        # an EHR's frame (C151).
        Morsel._reserved.setdefault("partitioned", "Partitioned")  # type: ignore[attr-defined]
        Morsel._flags.add("partitioned")  # type: ignore[attr-defined]
