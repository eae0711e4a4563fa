"""The command line: what can be asked, and which coroutine answers."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import attrs
import click

from txetcd.cli import commands
from txetcd.cli.exit_status import ExitStatus, exit_status, one_line, printable
from txetcd.cli.output import FORMATS, Output
from txetcd.cli.run import run
from txetcd.cli.settings import DEFAULT_ENDPOINT, Settings, read_value
from txetcd.client import DEFAULT_TIMEOUT

__all__ = ["main"]

PROGRAM = "txetcd"

EPILOG = """\b
Values that begin with a dash come after two: txetcd set /key -- -value
A value is read from standard input if it is - or is not given.

\b
Exit status:
  0    all went well
  1    bad input
  2    no answer: no connection, or no reply in time
  3    not authorized
  4    etcd refused: no such key, a comparison that failed, ...
  5    a write was sent, and its outcome is unknown
  6    the answer is not etcd's, or the server has no v2 API
  7    the demonstration failed
  70   a fault of txetcd itself
  74   the output could not be written
  130  stopped with Ctrl-C
  141  the output was closed by who read it
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: What follows the name of the program; that of the process if None.

    Returns:
        The exit status.
    """
    try:
        status = app.main(arguments, PROGRAM, standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.UsageError as error:
        return _complain(_usage(error), ExitStatus.BAD_INPUT)
    except (click.Abort, KeyboardInterrupt):
        return ExitStatus.INTERRUPTED
    except Exception as error:
        return _report(error)
    return status if isinstance(status, int) else ExitStatus.OK


# --- the options that say which server, before the command or after it ---------


def _remember(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    settings = context.ensure_object(Settings)
    if value is not None:
        setattr(settings, str(parameter.name), value)


def _setting(*names: str, **details: Any) -> click.Option:
    return click.Option(names, expose_value=False, callback=_remember, **details)


_SERVER = [
    _setting(
        "--endpoints",
        metavar="URLS",
        help=f"The server, or several of one cluster with commas.  [ETCDCTL_ENDPOINTS; "
        f"{DEFAULT_ENDPOINT}]",
    ),
    _setting(
        "--username",
        metavar="USER:PASSWORD",
        help="Who asks.  Others can see a command line: better said in the environment.  "
        "[ETCDCTL_USERNAME]",
    ),
    _setting(
        "--timeout",
        metavar="TIME",
        help="How long an operation may take, a watch excepted: 2, 2s or 500ms.  "
        f"[ETCDCTL_TIMEOUT; {DEFAULT_TIMEOUT:g}s]",
    ),
]
_FORMAT = _setting(
    "-o",
    "--output",
    type=click.Choice(list(FORMATS)),
    help="For people, for people in full, or for programs: one JSON object a line.  "
    "[ETCDCTL_OUTPUT; simple]",
)


# --- the commands ----------------------------------------------------------------


@click.group(
    epilog=EPILOG,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGUMENTS]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 90},
)
@click.version_option(version(PROGRAM), prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.pass_context
def app(context: click.Context) -> None:
    """Read, write and watch the keys of an etcd, over its v2 API."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


app.params[:0] = [*_SERVER, _FORMAT]


def _command(function: Callable[..., int]) -> click.Command:
    """A command on keys, named as the function is."""
    command = app.command(function.__name__.rstrip("_"))(function)
    command.params += [*_SERVER, _FORMAT]
    return command


_KEY = click.argument("key")
_VALUE = click.argument("value", required=False)
_TTL = click.option("--ttl", type=float, metavar="SECONDS", help="How long it is to live.")
_WITH_VALUE = click.option("--with-value", metavar="OLD", help="Only if its value is this.")
_WITH_INDEX = click.option(
    "--with-index", type=int, metavar="INDEX", help="Only if this is the index of its last change."
)
_SORT = click.option("--sort", is_flag=True, help="List in the order of the keys.")
_QUORUM = click.option(
    "-q", "--quorum", is_flag=True, help="Read what the cluster has agreed on, not one member."
)


@_command
@_KEY
@_SORT
@_QUORUM
def get(**options: Any) -> int:
    """Print the value of KEY."""
    return _on_keys(commands.get, options)


@_command
@_KEY
@_VALUE
@_TTL
@click.option("--swap-with-value", metavar="OLD", help="Only if its value is this.")
@click.option(
    "--swap-with-index",
    type=int,
    metavar="INDEX",
    help="Only if this is the index of its last change.",
)
def set_(**options: Any) -> int:
    """Write VALUE to KEY, whether it exists or not."""
    return _on_keys(commands.set_, options)


@_command
@_KEY
@_VALUE
@_WITH_VALUE
@_WITH_INDEX
@click.option("--absent", is_flag=True, help="Only if it does not exist.")
@_TTL
def cas(**options: Any) -> int:
    """Write VALUE to KEY if it is as expected (compare and swap).

    One condition is needed at least.
    """
    return _on_keys(commands.cas, options)


@_command
@_KEY
@_VALUE
@click.option("--in-order", is_flag=True, help="Make a new key in the directory KEY; print it.")
@_TTL
def mk(**options: Any) -> int:
    """Write VALUE to KEY, which must not exist."""
    return _on_keys(commands.mk, options)


@_command
@_KEY
@_TTL
def mkdir(**options: Any) -> int:
    """Make a directory KEY, which must not exist."""
    return _on_keys(commands.mkdir, options)


@_command
@_KEY
@_VALUE
@_TTL
def update(**options: Any) -> int:
    """Write VALUE to KEY, which must exist."""
    return _on_keys(commands.update, options)


@_command
@_KEY
@click.option("--dir", is_flag=True, help="It may be a directory, if it is empty.")
@click.option("-r", "--recursive", is_flag=True, help="With all that is in it.")
@_WITH_VALUE
@_WITH_INDEX
def rm(**options: Any) -> int:
    """Remove KEY."""
    return _on_keys(commands.rm, options)


@_command
@_KEY
def rmdir(**options: Any) -> int:
    """Remove KEY, a directory that is empty (or a key)."""
    return _on_keys(commands.rmdir, options)


@_command
@click.argument("key", default="/")
@_SORT
@click.option("-r", "--recursive", is_flag=True, help="All that is below, too.")
@click.option("-p", "slash", is_flag=True, help="Put a slash behind each directory.")
@_QUORUM
def ls(**options: Any) -> int:
    """List what is in the directory KEY, or else in the root."""
    return _on_keys(commands.ls, options)


@_command
@_KEY
@click.option("-r", "--recursive", is_flag=True, help="All that is below, too.")
@click.option("-f", "--forever", is_flag=True, help="Every change, until Ctrl-C.")
@click.option(
    "--after-index",
    type=click.IntRange(min=0),
    default=0,
    metavar="INDEX",
    help="First what has happened since this index.",
)
def watch(**options: Any) -> int:
    """Wait for the next change of KEY, and print it.

    No change is lost or printed twice, whatever happens to the connection.  Where the
    server no longer has them all, the state of the key is printed in their place, with
    the action "get", and standard error says so.
    """
    return _on_keys(commands.watch, {**options, "tell": _tell})


@app.command()
def demo() -> int:
    """Show what txetcd does, on an etcd of its own, in some ten seconds.

    It ends with a thousand writes, watched while connections are cut and the server is
    killed, and counts what was lost.  With --endpoints (an option; the environment is
    not asked) it uses a server of yours, which it does not kill, and a directory there
    that it removes.
    """
    # Only here, since it imports the test kit.
    from txetcd.cli.demo import demo as begin
    from txetcd.cli.terminal import Terminal

    given = _settings()
    settings = attrs.evolve(given.completed(os.environ), endpoints=given.endpoints)
    terminal = Terminal.of(sys.stdout, os.environ)
    return run(lambda reactor: begin(reactor, terminal, settings), _report)


demo.params += _SERVER


# --- carrying them out --------------------------------------------------------------


def _on_keys(command: Callable[..., Awaitable[None]], options: dict[str, Any]) -> int:
    settings = _settings().completed(os.environ)
    out = Output(_stdout(), settings.format)
    if "value" in options:
        options["value"] = read_value(options["value"], _stdin())

    async def session(reactor: Any) -> int:
        etcd = settings.client(reactor)
        try:
            await command(etcd, out, **options)
        finally:
            await etcd.close()
        return ExitStatus.OK

    return run(session, _report)


def _settings() -> Settings:
    return click.get_current_context().ensure_object(Settings)


def _stdin() -> Any:
    return None if sys.stdin is None else sys.stdin.buffer


def _stdout() -> Any:
    # A program that is started without standard output has none to write to.
    return open(os.devnull, "wb") if sys.stdout is None else sys.stdout.buffer


# --- saying what went wrong -----------------------------------------------------------


def _report(error: BaseException) -> int:
    """Say what went wrong, in one line; the exit status for it."""
    status = exit_status(error)
    if isinstance(error, OSError):
        _forget_output()
    return status if status is ExitStatus.BROKEN_PIPE else _complain(one_line(error), status)


def _usage(error: click.UsageError) -> str:
    path = PROGRAM if error.ctx is None else error.ctx.command_path
    dash = "; put -- before a value with a dash" if isinstance(error, click.NoSuchOption) else ""
    return f"{error.format_message().rstrip('.')} (see {path} --help{dash})"


def _complain(text: str, status: int) -> int:
    _tell(text)
    return status


def _tell(text: str) -> None:
    # Standard error may be closed, and then there is nobody to tell.
    with suppress(OSError):
        click.echo(f"{PROGRAM}: {printable(text)}", err=True)


def _forget_output() -> None:
    # What is left in the buffer cannot be written, and Python would try when it exits.
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
