from django.apps import AppConfig
from django.contrib.admin import apps


class ConsoleConfig(AppConfig):
    name = "smartapp.console"
    label = "console"


class OrderedAdminConfig(apps.AdminConfig):
    """Django's admin app with our site; settings name it."""

    default = False
    default_site = "smartapp.console.site.Site"
