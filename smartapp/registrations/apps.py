from django.apps import AppConfig


class RegistrationsConfig(AppConfig):
    name = "smartapp.registrations"
    label = "registrations"
