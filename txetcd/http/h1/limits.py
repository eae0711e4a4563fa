"""How much of a response is read before it is refused."""

from __future__ import annotations

import attrs

__all__ = ["DEFAULT_LIMITS", "DEFAULT_MAX_BODY", "Limits"]

#: A recursive get of a large tree is the longest reply there is; 64 MiB holds
#: some 500,000 small keys.
DEFAULT_MAX_BODY = 64 * 1024 * 1024


def _count(instance: object, attribute: attrs.Attribute[int], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{attribute.name} must be a whole number, 0 or more, not {value!r}")


@attrs.frozen
class Limits:
    """The limits on one response.

    Attributes:
        head: Bytes of the head: the status line and all header fields.  What
            surrounds a chunked body and carries nothing (chunk extensions, zeros
            before chunk sizes, trailers) is counted with them.  etcd's heads have
            some 400 bytes.
        fields: Header fields.
        body: Bytes of the body.
        interim: Interim responses (status 1xx) before the response.  Go had 5
            (``net/http``, ``max1xxResponses``).

    Raises:
        ValueError: One is not a whole number, or is negative.

    .. versionadded:: 0.1
    """

    head: int = attrs.field(default=64 * 1024, validator=_count)
    fields: int = attrs.field(default=128, validator=_count)
    body: int = attrs.field(default=DEFAULT_MAX_BODY, validator=_count)
    interim: int = attrs.field(default=8, validator=_count)


#: The limits of every transport that is not given others.
DEFAULT_LIMITS = Limits()
