"""Forms and queries, as Go reads them (``net/http``, ``Request.ParseForm``)."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from txetcd.http.message import Request
from txetcd.testing.memory._edition import Edition

__all__ = ["BadForm", "Form", "decoded", "read_form"]

#: The longest form that is read, in bytes.
MAX_FORM = 10 * 1024 * 1024

_FORM_TYPE = "application/x-www-form-urlencoded"
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)

#: The first value of each field.
Form = dict[str, str]


class BadForm(Exception):
    """The form cannot be read; the text says why, in Go's words."""


def read_form(request: Request, edition: Edition) -> Form:
    """The fields of a request: those of its body, and then those of its query.

    Raises:
        BadForm: They cannot be read.
    """
    separators = "[&;]" if edition.semicolons_separate else "&"
    form: Form = {}
    if request.method in ("PUT", "POST") and _is_form(request):
        if len(request.body) > MAX_FORM:
            raise BadForm("http: POST too large")
        # Bytes that are not UTF-8 are kept, as surrogates.
        _read(request.body.decode("utf-8", "surrogateescape"), separators, form)
    _read(request.query, separators, form)
    return form


def _is_form(request: Request) -> bool:
    given = request.headers.get("Content-Type", "") or ""
    media_type = given.partition(";")[0].strip().lower()
    if given and not media_type:
        raise BadForm("mime: no media type")
    return media_type == _FORM_TYPE


def _read(text: str, separators: str, form: Form) -> None:
    for field in re.split(separators, text) if text else ():
        if ";" in field:
            raise BadForm("invalid semicolon separator in query")
        if field:
            name, _, value = field.partition("=")
            form.setdefault(_unescaped(name), _unescaped(value))


def _unescaped(text: str) -> str:
    if "%" not in text:
        return text.replace("+", " ")
    bad = _BAD_ESCAPE.search(text)
    if bad:
        shown = bad[0].replace("\\", "\\\\").replace('"', '\\"')
        raise BadForm(f'invalid URL escape "{shown}"')
    return decoded(text.replace("+", " "))


def decoded(text: str) -> str:
    """Text whose escapes are undone; bytes that are not UTF-8 become surrogates."""
    raw = unquote_to_bytes(text.encode("utf-8", "surrogateescape"))
    return raw.decode("utf-8", "surrogateescape")
