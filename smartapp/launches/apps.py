from django.apps import AppConfig


class LaunchesConfig(AppConfig):
    name = "smartapp.launches"
    label = "launches"

    def ready(self) -> None:
        # Modules with models can only be imported when the apps are loaded.
        from smartapp import middleware
        from smartapp.exchange import pipeline
        from smartapp.keys import affected_launches
        from smartapp.launches import key_impact, steps

        middleware.refused.connect(steps.refused)
        pipeline.exchanged.connect(steps.exchanged)
        affected_launches.bring(key_impact)
