from django.apps import AppConfig


class LaunchesConfig(AppConfig):
    name = "smartapp.launches"
    label = "launches"

    def ready(self) -> None:
        # Modules with models can only be imported once the apps are there.
        from smartapp import middleware
        from smartapp.launches import backend, revocation, steps
        from smartapp.registrations import doctor

        middleware.refused.connect(steps.refused)
        doctor.further_checks += [backend.probe, revocation.findings]
