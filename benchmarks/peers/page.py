"""The page of the peers: the patient, and the entries of the record under four headings."""

from collections.abc import Mapping, Sequence

from django.http import HttpResponse
from django.template import engines

TEMPLATE = """<!doctype html><title>{{ name }}</title><h1>{{ name }}, {{ birth_date }}</h1>
{% for heading, lines in sections.items %}<h2>{{ heading }}</h2>
<ul>{% for line in lines %}<li>{{ line }}</li>{% endfor %}</ul>{% endfor %}"""

_template = engines["django"].from_string(TEMPLATE)


def page(name: str, birth_date: str, sections: Mapping[str, Sequence[str]]) -> HttpResponse:
    shown = {"name": name, "birth_date": birth_date, "sections": sections}
    return HttpResponse(_template.render(shown))
