from django.apps import AppConfig


class KeysConfig(AppConfig):
    name = "smartapp.keys"
    label = "keys"
