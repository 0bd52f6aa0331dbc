from django.apps import AppConfig


class AdministratorsConfig(AppConfig):
    name = "smartapp.administrators"
    label = "administrators"

    def ready(self) -> None:
        # Importing these modules connects their signal receivers.
        from smartapp.administrators import recording, sessions, throttling  # noqa: F401
