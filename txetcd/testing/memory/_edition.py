"""What etcds of different versions do differently."""

from __future__ import annotations

import attrs

__all__ = ["Edition", "edition_of"]


@attrs.frozen
class Edition:
    """How a version of etcd behaves, where versions differ.

    Attributes:
        version: Its own version, as ``GET /version`` tells it.
        cluster: The version of the cluster, likewise.
        directories_take_leases: Whether a directory can be given a new lease; otherwise that
            is answered with a 500.
        semicolons_separate: Whether a ``;`` in a form separates fields as ``&`` does; otherwise
            it is an error.  That came with Go 1.17.
        tells_reason: Whether ``GET /health`` has a reason.
    """

    version: str
    cluster: str
    directories_take_leases: bool = False
    semicolons_separate: bool = False
    tells_reason: bool = True


_EDITIONS = {
    "3.5.1": Edition("3.5.1", "3.5.0", semicolons_separate=True),
    "3.4.23": Edition("3.4.23", "3.4.0", directories_take_leases=True, tells_reason=False),
}


def edition_of(version: str) -> Edition:
    """The edition of a version.

    Raises:
        ValueError: It is none that is known.
    """
    if version not in _EDITIONS:
        known = " or ".join(map(repr, _EDITIONS))
        raise ValueError(f"version must be {known}, not {version!r}")
    return _EDITIONS[version]
