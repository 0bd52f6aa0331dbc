from django.apps import AppConfig


class BrandsConfig(AppConfig):
    name = "smartapp.brands"
    label = "brands"

    def ready(self) -> None:
        from smartapp.brands import own

        own.follow_endpoints()
