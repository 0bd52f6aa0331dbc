"""How a changed discovery document is shown: C14."""

from smartapp.registrations.history import Difference, differences, digest


def test_only_what_changed_is_a_difference() -> None:
    before = {"token_endpoint": "https://a.example/t", "issuer": "https://a.example"}
    after = {"token_endpoint": "https://b.example/t", "issuer": "https://a.example"}

    assert differences(before, after) == [
        Difference("token_endpoint", "https://a.example/t", "https://b.example/t")
    ]


def test_what_came_and_what_went_is_empty_on_the_other_side() -> None:
    assert differences({"a": "x"}, {"b": ["y", "z"]}) == [
        Difference("a", "x", ""),
        Difference("b", "", "y, z"),
    ]


def test_other_values_are_shown_as_json() -> None:
    assert differences({}, {"a": True, "b": {"c": [1]}}) == [
        Difference("a", "", "true"),
        Difference("b", "", '{"c": [1]}'),
    ]


def test_the_order_of_members_is_no_change() -> None:
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest({"a": [1, 2]}) != digest({"a": [2, 1]})
