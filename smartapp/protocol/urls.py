"""Safe handling of URLs that others send us.

URLs are compared, resolved and trusted in this module only, so that discovery (C11, C14), fhirUser
(C95), `next` links and references (C140, T11) share one meaning of "below this base".
"""

import re
from urllib.parse import SplitResult, urljoin, urlsplit

# Some servers encode a whole search session in `next` links.
MAX_URL_CHARACTERS = 8192

_VISIBLE_ASCII = re.compile(r"[!-~]+")
# Of a template that nobody filled in; no URL has these characters, and no path brackets (RFC 3986
# §3.2.2, §3.3).
_PLACEHOLDER = re.compile(r"[{}<>]|(?<!/)/[^/]*[\[\]]")
_DEFAULT_PORTS = {"https": 443, "http": 80}
# Browsers treat a backslash as a slash, and some servers decode %2f, %5c and %2e; we do neither.
_AMBIGUOUS = re.compile(r"\\|%2f|%5c|%2e", re.IGNORECASE)


def without_trailing_slash(url: str) -> str:
    """Return `url` without one trailing slash, for appending a path."""
    return url.removesuffix("/")


def base_key(url: str) -> str:
    """Return the normal form of a FHIR base URL: scheme and host in lower case, no default port, no
    trailing slash. The path keeps its case (RFC 3986 §6.2.2.1, §6.2.3). Raises ValueError if it is
    not a base URL: no host, user information, a query or a fragment."""
    parts = _split(url)
    if "?" in url or "#" in url:
        raise ValueError("has a query or a fragment")
    return without_trailing_slash(f"{parts.scheme}://{host_of(url)}{parts.path}")


def parse_endpoint_url(value: object, *, base: str = "", allow_http: bool = False) -> str:
    """Return `value` as an absolute URL, resolved against `base` (C11).

    Raises ValueError unless it is https (or http, with `allow_http`), with a host, and without user
    information, fragment (RFC 6749 §3.1, §3.2) and placeholder.
    """
    url = resolve(value, base=base) if base else value
    if not isinstance(url, str):
        raise ValueError("not a URL")
    parts = _split(url)
    if parts.scheme not in ({"https", "http"} if allow_http else {"https"}):
        raise ValueError("not https")
    if parts.netloc.endswith(":"):
        raise ValueError("has a colon and no port, as where https:// is there twice")
    if parts.fragment or url.endswith("#"):
        raise ValueError("has a fragment")
    if _PLACEHOLDER.search(url):
        raise ValueError("has a placeholder in brackets")
    return url


def resolve(value: object, *, base: str) -> str | None:
    """Return `value` as an absolute URL; None if it is not a URL reference."""
    if not isinstance(value, str) or not value:
        return None
    try:
        return urljoin(f"{without_trailing_slash(base)}/", value)
    except ValueError:
        return None


def host_of(url: str) -> str:
    """Return `host` or `host:port` of a URL, in lower case, without the scheme's default port."""
    parts = _split(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = _port(parts)
    return host if port == _DEFAULT_PORTS.get(parts.scheme) else f"{host}:{port}"


def origin_of(url: str) -> str:
    """Return the scheme and the host, with a port that is not the scheme's own. Raises ValueError
    if it is not a URL."""
    return f"{_split(url).scheme}://{host_of(url)}"


def is_below(url: str, base: str) -> bool:
    """Return whether `url` has the scheme, host, port and path prefix of `base`, after resolving
    `..`."""
    try:
        there, here = _split(url), _split(base)
        same_origin = _origin(there) == _origin(here)
    except ValueError:
        return False
    if not same_origin or _AMBIGUOUS.search(there.path):
        return False
    root = without_trailing_slash(here.path)
    path = _without_dot_segments(there.path)
    return path == root or path.startswith(f"{root}/")


def is_same(url: str, other: str) -> bool:
    """Return whether two URLs are equal apart from the case of the host, a default port, a trailing
    slash and dot segments. False if one is not a URL."""
    try:
        return _address(_split(url)) == _address(_split(other))
    except ValueError:
        return False


def _address(parts: SplitResult) -> tuple[object, str, str]:
    path = without_trailing_slash(_without_dot_segments(parts.path))
    return _origin(parts), path, parts.query


def _split(url: str) -> SplitResult:
    if len(url) > MAX_URL_CHARACTERS or not _VISIBLE_ASCII.fullmatch(url):
        raise ValueError("too long, or has characters that no URL has")
    parts = urlsplit(url)
    if not parts.hostname or "@" in parts.netloc or "\\" in parts.netloc:
        raise ValueError("has no host, or has user information")
    _port(parts)
    return parts


def _port(parts: SplitResult) -> int | None:
    return _DEFAULT_PORTS.get(parts.scheme) if parts.port is None else parts.port


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, _port(parts)


def _without_dot_segments(path: str) -> str:
    """Remove dot segments from a path that begins with a slash (RFC 3986 §5.2.4)."""
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    return "".join(f"/{segment}" for segment in kept)
