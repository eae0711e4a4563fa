"""Conversations with a server, written down: what is asked, and what is answered.

A line is a request: a method, a key (or after ``!`` another path) with a query, a form, and in
brackets another header field; or it begins a wait, which has a name before it and ``=``; or it is
the name of a wait, whose answer has come; or ``later`` and some seconds.  ``@3`` stands for the
index three above that at which the conversation began.  Below each is the answer, after ``<``: see
`tests.contract.words`.
"""

from __future__ import annotations

import re
from textwrap import dedent
from typing import Any

from tests.contract.sides import Question
from tests.contract.words import in_words
from txetcd.http import Headers, Request, Response

__all__ = ["Conversations"]

FORM_TYPE = "application/x-www-form-urlencoded"

_LINE = re.compile(r"(?:(\w+) = )?([A-Z]+) (\S+)(?: ([^ \[]\S*))?(?: \[(.*)\])?")


class Conversations:
    """Tests that hold conversations, on any side."""

    assertEqual: Any
    index: Any
    is_other: bool
    later: Any
    moment: Any
    service: Any

    async def ask(self, method: str, key: str, query: str = "", form: str = "") -> Response:
        """Ask for a key."""
        headers = Headers({"Content-Type": FORM_TYPE} if form else {})
        return await self.service(
            Request(method, f"/v2/keys{key}", query, headers, form.encode())
        )

    async def page(self, path: str) -> Response:
        """Ask for another page."""
        return await self.service(Request("GET", path))

    async def converse(self, script: str, other: bool | None = None) -> None:
        """Hold a conversation, which must be the one that is written down.

        Args:
            script: The conversation.
            other: Whether it is for the version that differs, or for the one that does not; None
                for both.
        """
        if other is not None and other != self.is_other:
            return
        base = await self.index()
        waits: dict[str, tuple[Request, Question]] = {}
        expected = [line.strip() for line in dedent(script).strip().splitlines()]
        heard = []
        for line in expected:
            if not line.startswith("<"):
                heard.append(line)
                heard += [f"< {each}" for each in await self._say(line, base, waits)]
        for _, wait in waits.values():
            wait.answered.addErrback(lambda _: None)
            wait.under_way.cancel()
        self.assertEqual("\n".join(heard), "\n".join(expected))

    async def _say(
        self, line: str, base: int, waits: dict[str, tuple[Request, Question]]
    ) -> list[str]:
        if line.startswith("later "):
            await self.later(float(line.split()[1]))
            return []
        if line in waits:
            request, wait = waits.pop(line)
            for _ in range(100):
                await self.moment()
                if wait.answered.called:
                    break
            await wait.answered
            return [_words(wait.response, request, base)]
        name, request = _request(line, base)
        if name is None:
            return [_words(await self.service(request), request, base)]
        wait = Question(self.service, request)
        await wait.headed
        await self.moment()
        if wait.answered.called:
            await wait.answered
            return [_words(wait.response, request, base)]
        waits[name] = request, wait
        return [f"parked {_words(wait.head, request, base)}"]


def _words(response: Response | None, request: Request, base: int) -> str:
    assert response is not None
    if request.method == "HEAD":
        return f"{response.status} {len(response.body)} bytes"
    return in_words(response, base, in_order="sorted=true" in request.query)


def _request(line: str, base: int) -> tuple[str | None, Request]:
    match = _LINE.fullmatch(line)
    assert match is not None, line
    name, method, target, form, field = match.groups()
    target, form = (
        re.sub(r"@(\d+)", lambda each: str(base + int(each[1])), text or "")
        for text in (target, form)
    )
    path, _, query = target.partition("?")
    path = path[1:] if path.startswith("!") else f"/v2/keys{path}"
    fields: dict[str, Any] = {}
    if form and field is None:
        field = f"Content-Type: {FORM_TYPE}"
    if field:
        fields = dict([field.split(": ", 1)])
    return name, Request(method, path, query, Headers(fields), form.encode())
