"""Each program in docs/examples, and each in the README, does what the reader is told."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.trial.unittest import SynchronousTestCase

from tests.realserver import RealServerTestCase
from txetcd import Etcd, Key, KeyNotFound

reactor: Any = _reactor

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "docs" / "examples"

#: The URL in the README, for which a test puts that of its server.
README_URL = "http://127.0.0.1:2379"


class Program(ProcessProtocol):
    """A program in a process of its own, and what it has said.

    Attributes:
        said: What it has written so far, to the standard output or error.
        status: Fires with its exit status, or with the negative number of the signal that
            ended it.
    """

    #: Any: interfaces of zope.interface are not known to type checkers.
    transport: Any

    def __init__(self) -> None:
        self.said = ""
        self.status: Deferred[int] = Deferred()
        self._wanted: list[tuple[str, Deferred[None]]] = []

    def says(self, text: str) -> Deferred[None]:
        """Fires when the program has written this; fails if it ends without."""
        heard: Deferred[None] = Deferred()
        self._wanted.append((text, heard))
        self._look()
        return heard

    def interrupt(self) -> Deferred[int]:
        """Press Ctrl-C; fires with the status."""
        self.transport.signalProcess("INT")
        return self.status

    def kill(self) -> Deferred[int]:
        """End it, if it runs."""
        try:
            self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            pass
        return self.status

    def outReceived(self, data: bytes) -> None:
        self.said += data.decode("utf-8")
        self._look()

    errReceived = outReceived

    def processEnded(self, reason: Any) -> None:
        ended = reason.value
        self.status.callback(-ended.signal if ended.signal else ended.exitCode)
        for text, heard in self._wanted:
            heard.errback(AssertionError(f"it ended without {text!r}, and said {self.said!r}"))

    def _look(self) -> None:
        for each in self._wanted[:]:
            if each[0] in self.said:
                self._wanted.remove(each)
                each[1].callback(None)


class ProgramTestCase(RealServerTestCase):
    timeout = 60

    def python(self, *arguments: str, **environment: str) -> Program:
        """Python with arguments, in an empty directory."""
        directory = Path(self.mktemp())
        directory.mkdir()
        program = Program()
        reactor.spawnProcess(
            program,
            sys.executable,
            [sys.executable, *arguments],
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            path=str(directory),
        )
        self.addCleanup(program.kill)
        return program

    def example(self, name: str, *arguments: str) -> Program:
        return self.python(str(EXAMPLES / name), *arguments)

    async def emptied(self, path: str) -> Etcd:
        """A client, and nothing at a path: the server is shared with all other tests."""
        etcd = self.client()
        try:
            await etcd.key(path).delete(recursive=True)
        except KeyNotFound:
            pass
        return etcd

    async def assertPrintsItsOutputFile(self, name: str) -> None:
        program = self.example(f"{name}.py", self.etcd_url)
        self.assertEqual(await program.status, 0, program.said)
        self.assertEqual(program.said, (EXAMPLES / f"{name}.txt").read_text())


class ExampleTests(ProgramTestCase):
    """A test is named for the file that it runs: see `EveryExampleTests`."""

    async def test_react_example(self):
        await self.assertPrintsItsOutputFile("react_example")

    async def test_counter(self):
        await self.assertPrintsItsOutputFile("counter")

    async def test_custom_filter(self):
        await self.assertPrintsItsOutputFile("custom_filter")

    async def test_quotes(self):
        await self.assertPrintsItsOutputFile("quotes")

    async def test_ambiguous_write(self):
        await self.assertPrintsItsOutputFile("ambiguous_write")

    async def test_download(self):
        await self.assertPrintsItsOutputFile("download")

    async def test_live_config(self):
        config = (await self.emptied("/example/config")).key("/example/config")
        await config.key("workers").set("4")
        proxy = await self.proxy()
        program = self.example("live_config.py", proxy.url)
        await program.says("workers=4")

        await config.key("greeting").set("good morning")
        await program.says("Config(greeting='good morning', workers=4)\n")
        await config.key("workers").set("many")
        await program.says("left as it was")
        await config.key("workers").set("8")
        await program.says("workers=8)\n")

        await proxy.refuse()
        proxy.cut_all()
        await program.says("reconnecting\n")
        await config.key("workers").delete()
        await proxy.heal()
        await program.says("workers=2)\n")

        self.assertEqual(await program.interrupt(), 0, program.said)
        self.assertEqual(program.said, (EXAMPLES / "live_config.txt").read_text())

    async def test_membership(self):
        """What the first says, while a second and a third come and go."""
        await self.emptied("/example/members")
        ada = self.example("membership.py", "Ada", self.etcd_url)
        await ada.says("at work: Ada\n")
        bob = self.example("membership.py", "Bob", self.etcd_url)
        await ada.says("at work: Ada, Bob\n")
        cy = self.example("membership.py", "Cy", self.etcd_url)
        await ada.says("at work: Ada, Bob, Cy\n")
        await cy.says("at work: Ada, Bob, Cy\n")

        self.assertEqual(await bob.interrupt(), 0, bob.said)
        await ada.says("at work: Ada, Cy\n")
        # It takes no leave, and is listed until its lease ends.
        cy.kill()
        await ada.says("left: Cy\nat work: Ada\n")

        self.assertEqual(await ada.interrupt(), 0, ada.said)
        self.assertEqual(ada.said, (EXAMPLES / "membership.txt").read_text())

    async def test_application_service_as_a_python_program(self):
        followed = await self.followed()
        program = self.example("application_service.py", self.etcd_url)
        self.assertEqual(await self.status_after(followed, program), 0, program.said)

    async def test_application_service_under_twistd(self):
        followed = await self.followed()
        program = self.python(
            "-c",
            "from twisted.scripts.twistd import run; run()",
            "--nodaemon",
            "--python",
            str(EXAMPLES / "application_service.py"),
            ETCDCTL_ENDPOINTS=self.etcd_url,
        )
        # twistd ends by the signal that it was sent, once it has shut down.
        ended = -signal.SIGINT
        self.assertEqual(await self.status_after(followed, program), ended, program.said)

    async def followed(self) -> Key:
        """The directory that the application follows, empty."""
        key = (await self.emptied("/example/application")).key("/example/application")
        await key.set(None)
        return key

    async def status_after(self, followed: Key, program: Program) -> int:
        """The status of an application that followed a directory and was interrupted."""
        await program.says("get /example/application\n")
        await followed.key("colour").set("blue")
        await program.says("set /example/application/colour\n")
        status = await program.interrupt()
        self.assertIn("disconnected\n", program.said)
        self.assertNotIn("Traceback", program.said)
        return status

    async def test_test_with_stub_passes(self):
        program = self.example("test_with_stub.py")
        self.assertEqual(await program.status, 0, program.said)
        self.assertIn("Ran 4 tests", program.said)

    async def test_test_with_etcd_passes(self):
        program = self.example("test_with_etcd.py")
        self.assertEqual(await program.status, 0, program.said)
        self.assertIn("Ran 2 tests", program.said)


class ReadmeTests(ProgramTestCase):
    def program(self, number: int) -> Program:
        """A program of the README, with the server of the tests in place of the reader's."""
        source = python_blocks((ROOT / "README.rst").read_text("utf-8"))[number]
        self.assertIn(README_URL, source)
        return self.python("-c", source.replace(README_URL, self.etcd_url))

    async def test_the_taste_prints_what_the_key_is_after_the_swap(self):
        program = self.program(0)
        self.assertEqual(await program.status, 0, program.said)
        self.assertEqual(program.said, "GET green\n")

    async def test_the_filter_can_be_put_where_the_readme_puts_it(self):
        program = self.program(1)
        self.assertEqual(await program.status, 0, program.said)


class TutorialTests(ProgramTestCase):
    async def test_the_command_that_changes_what_is_watched(self):
        tutorial = (ROOT / "docs" / "guide" / "tutorial.rst").read_text("utf-8")
        command = re.search(r"^    \.venv/bin/txetcd (.*)$", tutorial, re.MULTILINE)
        assert command is not None
        etcd = await self.emptied("/example/config")
        arguments = ["-m", "txetcd.cli", *command[1].split()]
        program = self.python(*arguments, ETCDCTL_ENDPOINTS=self.etcd_url)
        self.assertEqual(await program.status, 0, program.said)
        changed = await etcd.key("/example/config/workers").get()
        self.assertEqual(getattr(changed.node, "text", None), "8")


class EveryExampleTests(SynchronousTestCase):
    def test_every_program_of_the_readme_has_a_test(self):
        self.assertEqual(len(python_blocks((ROOT / "README.rst").read_text("utf-8"))), 2)

    def test_every_example_has_a_test(self):
        self.assertEqual(untested(path.name for path in EXAMPLES.glob("*.py")), [])

    def test_an_example_without_a_test_is_seen(self):
        self.assertEqual(untested(["counter.py", "unheard_of.py"]), ["unheard_of.py"])

    def test_every_output_is_that_of_an_example(self):
        outputs = [path.stem for path in EXAMPLES.glob("*.txt")]
        self.assertEqual(untested(f"{name}.py" for name in outputs), [])

    def test_every_example_is_on_the_page_of_examples(self):
        page = (EXAMPLES / "index.rst").read_text("utf-8")
        shown = re.findall(r"^\.\. literalinclude:: (\S+)$", page, re.MULTILINE)
        files = [path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".txt")]
        self.assertEqual(sorted(shown), sorted(files))


def untested(examples: Any) -> list[str]:
    """The examples for which `ExampleTests` has no test."""
    tests = [name for name in dir(ExampleTests) if name.startswith("test_")]
    return [
        name
        for name in sorted(examples)
        if not any(test.startswith(f"test_{Path(name).stem}") for test in tests)
    ]


def python_blocks(text: str) -> list[str]:
    """The Python programs in a page."""
    blocks = re.findall(r"^\.\. code-block:: python\n\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in blocks]
