"""Library defaults and switches that would be vulnerabilities; no file of the app may use them."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.processes import ROOT

FILES = sorted((ROOT / "smartapp").rglob("*.py"))
SWITCHES = frozenset(
    {"verify", "ssl", "verify_ssl", "check_hostname", "verify_signature", "secure"}
)
"""Keyword arguments that switch a check off when they are False."""
UNSAFE_NAMES = frozenset({"_create_unverified_context", "CERT_NONE", "CERT_OPTIONAL"})
JOSE_CALLS = frozenset({"decode", "encode", "deserialize_compact", "serialize_compact"})
ONE_WAY_OUT = frozenset({"smartapp/http.py", "smartapp/sandbox/http.py"})
OPERATORS_OWN = "smartapp/alerts.py"
"""It asks ALERT_WEBHOOK_URL and nothing else, which may well be inside the operator's network."""
CLIENTS = frozenset({"aiohttp", "httpx", "requests", "urllib3", "urllib.request", "http.client"})
"""Whoever imports one of these can ask an address that nobody has looked at (T12)."""
OTHER_JOSE = frozenset({"jwt", "jose", "authlib.jose", "python_jose"})


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_check_is_switched_off() -> None:
    """T33."""
    offenders = []
    for path in FILES:
        for call in calls(path):
            offenders += [
                f"{name_of(path)}:{call.lineno} {keyword.arg}"
                for keyword in call.keywords
                if keyword.arg in SWITCHES
                and isinstance(keyword.value, ast.Constant)
                and keyword.value.value is False
            ]
        names = {node.attr for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}
        offenders += [f"{name_of(path)} {name}" for name in names & UNSAFE_NAMES]
    assert offenders == []


def test_every_signature_names_its_algorithms() -> None:
    """T33, T8; RFC 8725 §3.1: joserfc uses a default list if none is given."""
    offenders, seen = [], 0
    for path in FILES:
        if not set(imports(path)) & {"joserfc.jwt", "joserfc.jws"}:
            continue
        for call in filter(is_jose, calls(path)):
            seen += 1
            named = {keyword.arg for keyword in call.keywords}
            if not named & {"algorithms", "registry"} and len(call.args) < 4:
                offenders.append(f"{name_of(path)}:{call.lineno}")
    assert seen >= 3
    assert offenders == []


def is_jose(call: ast.Call) -> bool:
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and function.attr in JOSE_CALLS
        and isinstance(function.value, ast.Name)
        and function.value.id in {"jwt", "jws"}
    )


def test_no_second_library_judges_signatures() -> None:
    """T33."""
    assert [name_of(path) for path in FILES if set(imports(path)) & OTHER_JOSE] == []


def test_there_is_one_way_out() -> None:
    """T12, T33: addresses are checked only in this client."""
    users = [name_of(path) for path in FILES if set(imports(path)) & CLIENTS]
    assert users == sorted({*ONE_WAY_OUT, OPERATORS_OWN})
