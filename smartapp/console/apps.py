from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "smartapp.console"
    label = "console"
