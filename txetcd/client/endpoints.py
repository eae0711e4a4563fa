"""The endpoints that a client is given: URLs, in several forms."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.logger import Logger

from txetcd.http.url import parse_url, redacted
from txetcd.reactive import Activity, Closable, Failed, Ok, Pending

__all__ = ["ParsedEndpoints", "parse_endpoints"]

_log = Logger()


def parse_endpoints(endpoints: str | Iterable[str]) -> list[str]:
    """The URLs of a text, which may have several between commas, or of several texts.

    Returns:
        Each once, in the order given.

    Raises:
        ValueError: One is not a URL with scheme and host, or there is none.
        TypeError: One is not text.
    """
    urls = [url for several in _texts(endpoints) for url in _split(several)]
    if not urls:
        raise ValueError("no endpoint was given; for example 'http://127.0.0.1:2379'")
    return list(dict.fromkeys(urls))


class ParsedEndpoints(Activity["list[str]"]):
    """The URLs that an activity has, as `parse_endpoints` gives them.

    What is no URL is logged, without credentials it may carry, and passed over: it is no
    reason to leave the others.

    Args:
        given: An activity of what `parse_endpoints` takes.
    """

    def __init__(self, given: Activity[Iterable[str]]) -> None:
        self._given = given

    @property
    def state(self) -> Pending | Ok[list[str]] | Failed:
        return _parsed(self._given.state)

    def observe(self, told: Callable[[Pending | Ok[list[str]] | Failed], object]) -> Closable:
        return self._given.observe(lambda state: told(_parsed(state)))


def _parsed(state: Pending | Ok[Iterable[str]] | Failed) -> Pending | Ok[list[str]] | Failed:
    if not isinstance(state, Ok):
        return state
    urls: list[str] = []
    for several in _texts(state.value):
        try:
            urls += _split(several)
        except (TypeError, ValueError) as error:
            _log.error("an endpoint is passed over: {error}", error=error)
    return Ok(list(dict.fromkeys(urls)))


def _texts(endpoints: str | Iterable[str]) -> Iterable[str]:
    return [endpoints] if isinstance(endpoints, (str, bytes)) else endpoints


def _split(several: str) -> list[str]:
    if not isinstance(several, str):
        raise TypeError(f"an endpoint is a URL as text, not {type(several).__name__}")
    try:
        return [parse_url(url.strip()) for url in several.split(",")]
    except ValueError:
        if "@" not in several:
            raise
        # What stands between commas may be a piece of a password.
        raise ValueError(
            f"{redacted(several)} carries credentials: pass auth=(user, password)"
        ) from None
