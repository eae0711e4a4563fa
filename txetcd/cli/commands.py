"""The commands: what each asks of etcd, and what of the answer it prints.

Each is a coroutine of a client and an `Output`, and knows nothing of the command
line: errors are raised, and become exit statuses elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

from txetcd.backoff import Backoff
from txetcd.cli.exit_status import BadInput
from txetcd.cli.output import Output, walk
from txetcd.client import Etcd
from txetcd.errors import ApiError, KeyNotFound, NotDir
from txetcd.keys import Key
from txetcd.model import Action, Dir, NodeOp

__all__ = ["cas", "get", "ls", "mk", "mkdir", "rm", "rmdir", "set_", "update", "watch"]

#: A person waits for a watch that has lost its server: it tries again soon.
WATCH_BACKOFF = Backoff.exponential_jittered(0.010, 5.0)


async def get(
    etcd: Etcd, out: Output, key: str, *, sort: bool = False, quorum: bool = False
) -> None:
    """Print the value of a key."""
    op = await etcd.key(key).get(quorum=quorum, sorted=sort)
    if isinstance(op.node, Dir):
        raise BadInput(f"{op.node.key} is a directory: list it with ls")
    out.answer(op)


async def set_(
    etcd: Etcd,
    out: Output,
    key: str,
    value: bytes,
    *,
    ttl: float | None = None,
    swap_with_value: str | None = None,
    swap_with_index: int | None = None,
) -> None:
    """Write a key, whether it exists or not, or only if it is as it should be."""
    if swap_with_value is None and swap_with_index is None:
        out.answer(await etcd.key(key).set(value, ttl))
    else:
        swap = etcd.key(key).compare_and_swap
        out.answer(await swap(value, swap_with_index, swap_with_value, ttl=ttl))


async def cas(
    etcd: Etcd,
    out: Output,
    key: str,
    value: bytes,
    *,
    with_value: str | None = None,
    with_index: int | None = None,
    absent: bool = False,
    ttl: float | None = None,
) -> None:
    """Write a key if it is as it should be."""
    if with_value is None and with_index is None and not absent:
        raise BadInput("no condition: give --with-value, --with-index or --absent")
    swap = etcd.key(key).compare_and_swap
    out.answer(await swap(value, with_index, with_value, prev_exist=not absent, ttl=ttl))


async def mk(
    etcd: Etcd,
    out: Output,
    key: str,
    value: bytes,
    *,
    ttl: float | None = None,
    in_order: bool = False,
) -> None:
    """Make a key that must not exist, or a new one in a directory."""
    if in_order:
        out.made(await etcd.key(key).create_in_order(value, ttl))
    else:
        out.answer(await etcd.key(key).create(value, ttl))


async def mkdir(etcd: Etcd, out: Output, key: str, *, ttl: float | None = None) -> None:
    """Make a directory that must not exist."""
    out.answer(await etcd.key(key).create(None, ttl))


async def update(
    etcd: Etcd, out: Output, key: str, value: bytes, *, ttl: float | None = None
) -> None:
    """Write a key that must exist."""
    out.answer(await etcd.key(key).set(value, ttl, prev_exist=True))


async def rm(
    etcd: Etcd,
    out: Output,
    key: str,
    *,
    dir: bool = False,
    recursive: bool = False,
    with_value: str | None = None,
    with_index: int | None = None,
) -> None:
    """Remove a key, or a directory."""
    if with_value is None and with_index is None:
        out.answer(await etcd.key(key).delete(dir, recursive))
        return
    if dir or recursive:
        raise BadInput("--with-value and --with-index compare a key, not a directory")
    out.answer(await etcd.key(key).compare_and_delete(with_index, with_value))


async def rmdir(etcd: Etcd, out: Output, key: str) -> None:
    """Remove an empty directory, or a key."""
    out.answer(await etcd.key(key).delete(dir=True))


async def ls(
    etcd: Etcd,
    out: Output,
    key: str = "/",
    *,
    sort: bool = False,
    recursive: bool = False,
    slash: bool = False,
    quorum: bool = False,
) -> None:
    """List a directory; a key that holds a value lists itself."""
    op = await etcd.key(key).get(recursive, quorum=quorum, sorted=sort)
    out.listing(walk(op.node) if isinstance(op.node, Dir) else [op.node], slash)


async def watch(
    etcd: Etcd,
    out: Output,
    key: str,
    *,
    recursive: bool = False,
    forever: bool = False,
    after_index: int = 0,
    tell: Callable[[str], object] = lambda text: None,
) -> None:
    """Print the next change of a key, or each from now on.

    Args:
        etcd: The client.
        out: Where changes are printed.
        key: The key.
        recursive: Watch all that is below it, too.
        forever: Print every change, not one.
        after_index: Print what has happened since, first; 0 for nothing.
        tell: Told what a person ought to know meanwhile.
    """
    watched = etcd.key(key)
    # Asked in any case: a server that is not there is an error, not something to wait for.
    now = await _index(watched)
    said: list[str] = [""]

    def failed(error: Exception) -> None:
        if said[0] != str(error):
            said[0] = str(error)
            tell(f"{error}; trying again")

    events = watched.events(recursive, WATCH_BACKOFF, failed, after_index or now)
    async for op in events:
        said[0] = ""
        if op.action is Action.GET:
            tell(_gap(op))
        out.event(op, named=recursive or forever)
        if not forever:
            return


def _gap(op: NodeOp) -> str:
    return (
        f"the server no longer has every change of {op.node.key}: what follows is its state at "
        f"index {op.etcd.index}"
    )


async def _index(key: Key) -> int:
    """Etcd's index now."""
    try:
        return (await key.get(quorum=True)).etcd.index
    except (KeyNotFound, NotDir) as missing:
        error: ApiError = missing
        return error.index
