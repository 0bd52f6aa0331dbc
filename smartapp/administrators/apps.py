from django.apps import AppConfig


class AdministratorsConfig(AppConfig):
    name = "smartapp.administrators"
    label = "administrators"

    def ready(self) -> None:
        from smartapp.administrators import recording  # noqa: F401 - connects its receivers
