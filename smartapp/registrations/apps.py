from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RegistrationsConfig(AppConfig):
    name = "smartapp.registrations"
    label = "registrations"
    verbose_name = "EHRs"

    def ready(self) -> None:
        from smartapp.registrations import changes

        post_migrate.connect(changes.install_after_migrate, sender=self)
