import pytest
from django.template import engines


@pytest.mark.parametrize(
    ("text", "shown"),
    [("", ""), ("a < b", "a &lt; b"), ("x" * 10, "x" * 10), ("x" * 11, f"{'x' * 9}…")],
)
def test_a_text_has_at_most_so_many_characters(text: str, shown: str) -> None:
    template = engines["django"].from_string("{{ text|shortened:10 }}")
    assert template.render({"text": text}) == shown
