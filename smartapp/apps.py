from django.apps import AppConfig


class SmartappConfig(AppConfig):
    name = "smartapp"
