"""Reads lists of brands and endpoints in all formats that vendors publish (SMART App Launch 2.2,
"User-access Brands and Endpoints").

A document may have 50 MB, so it is read entry by entry, and only the needed part of each entry is
kept: about two kilobytes for each brand. Unusable entries are counted by reason.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from itertools import islice
from typing import Any, BinaryIO

import ijson

from smartapp.brands import bundles
from smartapp.brands.addresses import NotUsable, usable_address
from smartapp.brands.elements import line, name_of, nested
from smartapp.brands.folding import state_code, without_state
from smartapp.brands.parsed import Address, ParsedBrand, ParsedList, Place
from smartapp.protocol.json import GZIP

FLAT = "a list of endpoints by name"
LANTERN = "a list of endpoints as Lantern normalises them"
TABLE = "a table of endpoints (CSV)"

# Equivalent columns of flat lists and tables, as `_column` writes them.
_ADDRESS = (
    "url", "baseurl", "address", "endpoint", "fhirbaseurl", "serviceurl", "fhirurl",
    "fhirpatientfacinguri",
)  # fmt: skip
_NAME = (
    "organizationname", "organizationnames", "endpointnames", "name", "listsourcename",
    "organization",
)  # fmt: skip
_ZIP = ("organizationzipcode", "zip", "zipcode", "postalcode")
_CITY = ("city", "organizationcity")
_STATE = ("state", "organizationstate")
_VERSION = ("fhirversion", "capabilityfhirversion")

_RESOURCES = ("Organization", "Endpoint")
# How files begin that are no text, or another one, and what to do with them.
_OTHER_FILES = {
    b"<": "A web page or XML came, not JSON. Copy the address of the list itself.",
    GZIP: "The file is compressed (gzip). Unpack it first.",
    b"PK\x03\x04": "The file is a spreadsheet or a ZIP archive. Unpack it, or save it as CSV.",
    b"%PDF": "The file is a PDF. Ask the vendor for the list as JSON or CSV.",
}
DELIMITERS = ",;\t|"
LINES_BEFORE_A_TABLE = 10
# Columns that are like them in other lists.
_ADDRESS_COLUMN = re.compile(
    r"(fhir|base|service|server|endpoint|api|r4)+(url|uri|address|endpoint)"
)
_NAME_COLUMN = re.compile(
    r"(practice|facility|clinic|hospital|brand)(name)?|(provider|customer|client|location|site)name"
)


class NotAList(ValueError):
    """A document that is not a list of brands; the message is a sentence."""


class Pages:
    """A list of brands, published as one document or as pages of a Bundle."""

    def __init__(self, *, today: date, in_development: bool = False) -> None:
        """With `in_development`, addresses of this machine are accepted too."""
        self._in_development = in_development
        self._bundle = bundles.Bundle(in_development, today)
        self._rows: ParsedList | None = None

    def add(self, document: BinaryIO) -> str:
        """Read a document; return the address of the page that follows it, "" if none does.

        Raises NotAList if the format is unknown or the document is incomplete.
        """
        beginning = document.read(2048)
        document.seek(0)
        if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return self.add(io.BytesIO(document.read().decode("utf-16", errors="replace").encode()))
        start = beginning.lstrip(b"\xef\xbb\xbf \t\r\n")
        for mark, sentence in _OTHER_FILES.items():
            if start.startswith(mark):
                raise NotAList(sentence)
        if not start.startswith((b"{", b"[")):
            return self._end(_table(document, self._in_development))
        try:
            return self._add_json(_After(document, len(beginning) - len(start)))
        except ijson.JSONError as error:
            raise NotAList(f"The document is not complete JSON: {_one_line(error)}.") from None

    def _add_json(self, document: "_After") -> str:
        resource_type = next(_items(document, "resourceType"), None)
        if resource_type == "Bundle":
            bundles.add_entries(self._bundle, _items(document, "entry.item"))
            return _next(document)
        if resource_type in _RESOURCES:
            return self._add_resources(_items(document, ""))
        if resource_type is not None:
            raise NotAList(f"The document is not a Bundle; its type is {line(resource_type)}.")
        prefix = _list_in(document)
        if not prefix:
            raise NotAList("The document is no Bundle and has no list of endpoints.")
        if nested(next(_items(document, prefix), None), "resourceType") in _RESOURCES:
            return self._add_resources(_items(document, prefix))
        shape = LANTERN if prefix == "Endpoints.item" else FLAT
        return self._end(_rows(_items(document, prefix), shape, self._in_development))

    def _add_resources(self, resources: Iterator[Any]) -> str:
        """Add resources of a list, or one in each line (NDJSON), without a Bundle around them."""
        bundles.add_entries(self._bundle, ({"resource": one} for one in resources))
        return ""

    def _end(self, rows: ParsedList) -> str:
        """Take a list that has no pages."""
        if self._bundle.endpoints or self._bundle.organizations:
            raise NotAList("The next page of the Bundle is a list of another kind.")
        self._rows = rows
        return ""

    def parsed(self) -> ParsedList:
        """Return what the documents say together."""
        return self._rows or bundles.read_brands(self._bundle)


class _After:
    """A document without its byte order mark, which the JSON reader does not understand."""

    def __init__(self, document: BinaryIO, skipped: int) -> None:
        self._document = document
        self._skipped = skipped

    def begin(self) -> BinaryIO:
        self._document.seek(self._skipped)
        return self._document


def _items(document: _After, prefix: str) -> Iterator[Any]:
    """Yield what is at a prefix; at the empty one each document, of which NDJSON has many."""
    several = not prefix
    items = ijson.items(document.begin(), prefix, use_float=True, multiple_values=several)
    return iter(items)


def _list_in(document: _After) -> str:
    """Return the ijson prefix of the rows: of the document itself, of the member that is named
    after endpoints, else of the first list whose objects have an address; "" if there is none."""
    first = ""
    events: Iterator[tuple[str, str, Any]] = ijson.parse(document.begin())
    for prefix, event, name in events:
        member, _, rest = prefix.rpartition("item")
        is_of_a_row = event == "map_key" and not rest and member.count(".") == bool(member)
        if not is_of_a_row or not _may_be(_column(name), _ADDRESS, _ADDRESS_COLUMN):
            continue
        if prefix == "item" or prefix.lower() == "endpoints.item":
            return prefix
        first = first or prefix
    return first


def _next(document: _After) -> str:
    links = (link for link in _items(document, "link.item") if isinstance(link, dict))
    urls = (link.get("url") for link in links if link.get("relation") == "next")
    return next((url for url in urls if isinstance(url, str)), "")


def _table(document: BinaryIO, in_development: bool) -> ParsedList:
    encoding = _encoding(document.read())
    document.seek(0)
    text = io.TextIOWrapper(document, encoding=encoding, errors="replace", newline="")
    try:
        begins_at, delimiter = _heading(text)
        text.seek(0)
        rows = csv.DictReader(islice(text, begins_at, None), delimiter=delimiter)
        return _rows(rows, TABLE, in_development)
    except csv.Error as error:
        raise NotAList(f"The table cannot be read: {_one_line(error)}.") from None
    finally:
        text.detach()


def _heading(text: io.TextIOWrapper) -> tuple[int, str]:
    """Return the number of the line that names the columns, and what separates them: a title and
    blank lines may stand before it."""
    first = ""
    for number, written in enumerate(islice(text, LINES_BEFORE_A_TABLE)):
        first = first or line(written)
        for delimiter in sorted(DELIMITERS, key=written.count, reverse=True):
            columns = list(map(_column, next(csv.reader([written], delimiter=delimiter), [])))
            has_address = any(_may_be(one, _ADDRESS, _ADDRESS_COLUMN) for one in columns)
            # A title may be "FHIR Endpoint".
            if has_address and any(_may_be(one, _NAME, _NAME_COLUMN) for one in columns):
                return number, delimiter
    raise NotAList(
        "The document is neither JSON nor a table with columns for the name and the address (url)."
        f" It begins with: {first[:120] or 'nothing'}"
    )


def _encoding(body: bytes) -> str:
    """Return how a table is encoded. Spreadsheets write UTF-8, or the code page of Windows."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _rows(rows: Iterator[Any], shape: str, in_development: bool) -> ParsedList:
    """Read a list with one row for each name and address."""
    parsed = ParsedList(shape)
    seen: dict[tuple[str, str, str], None] = {}
    for row in rows:
        try:
            brand = _row(row, in_development)
        except NotUsable as reason:
            parsed.skipped[str(reason)] += 1
            continue
        place = brand.places[0].zip if brand.places else ""
        identity = brand.name.casefold(), brand.addresses[0].url, place
        if identity in seen:
            parsed.skipped["the same name and address again"] += 1
            continue
        seen[identity] = None
        parsed.brands.append(brand)
    return parsed


def _row(row: Any, in_development: bool) -> ParsedBrand:
    if not isinstance(row, dict):
        raise NotUsable("an entry that is no object")
    cells = {_column(column): value for column, value in row.items() if value}
    version = line(_cell(cells, _VERSION))
    url = usable_address(_address(cells), version=version, in_development=in_development)
    names = _names(next(iter(_found(cells, _NAME, _NAME_COLUMN)), ""))
    if not names:
        raise NotUsable("no name to show")
    name, state = names[0]
    place = Place(
        line(_cell(cells, _CITY)),
        state_code(line(_cell(cells, _STATE))) or state,
        bundles.zip_code(_cell(cells, _ZIP)),
    )
    return ParsedBrand(
        key=f"{name}|{url}|{place.zip}"[:300],
        name=name,
        addresses=(Address(url, version=version),),
        aliases=tuple(other for other, _ in names[1:]),
        places=(place,) if place != Place() else (),
    )


def _names(given: Any) -> list[tuple[str, str]]:
    """Return the names of an address, each with the state in front of it. Lantern writes several
    names as a list or separated by semicolons."""
    several = given if isinstance(given, list) else line(given).split(";")
    found = (without_state(name_of(one)) for one in several)
    return [(name, state) for name, state in found if name]


def _column(name: object) -> str:
    """Return the name of a column without what its spellings differ in: "FHIR Base URL"."""
    return "".join(filter(str.isalnum, str(name).lower()))


def _may_be(column: str, names: tuple[str, ...], pattern: re.Pattern[str]) -> bool:
    return column in names or bool(pattern.fullmatch(column))


def _address(cells: dict[str, Any]) -> Any:
    """Return the address of the server; "address" may also be that of the building."""
    found = _found(cells, _ADDRESS, _ADDRESS_COLUMN)
    return next((one for one in found if "://" in line(one)), next(iter(found), ""))


def _cell(cells: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((cells[name] for name in names if cells.get(name)), "")


def _found(cells: dict[str, Any], names: tuple[str, ...], pattern: re.Pattern[str]) -> list[Any]:
    """Return the cells of the columns with these names, the likeliest first, and after them those
    of columns whose names are like them."""
    like = (column for column in cells if pattern.fullmatch(column))
    return [cells[column] for column in dict.fromkeys((*names, *like)) if cells.get(column)]


def _one_line(error: Exception) -> str:
    text = error.args[0] if error.args else error
    words = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return line(words.splitlines()[0] if words else "")[:120].rstrip(".")
