from django.apps import AppConfig


class LaunchesConfig(AppConfig):
    name = "smartapp.launches"
    label = "launches"

    def ready(self) -> None:
        # Modules with models can only be imported once the apps are there.
        from smartapp import middleware
        from smartapp.exchange import pipeline
        from smartapp.keys import affected_launches as keys_outlook
        from smartapp.launches import backend, key_impact, revocation, steps
        from smartapp.registrations import doctor

        middleware.refused.connect(steps.refused)
        pipeline.exchanged.connect(steps.exchanged)
        keys_outlook.bring(key_impact)
        doctor.further_checks += [backend.probe, revocation.findings]
