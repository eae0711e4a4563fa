"""The default stacks: their layers, how they are changed, and what they count."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from tests.client.servers import (
    ENDPOINT_ROLES,
    NODE,
    PASSWORD,
    URL,
    USER,
    VERSION,
    A,
    B,
    C,
    Case,
    Seeing,
    Servers,
    reply,
)
from txetcd import (
    Action,
    AmbiguousWrite,
    Etcd,
    Filter,
    NotSent,
    RequestTimedOut,
    ServiceClosed,
    Stack,
    Status,
    Version,
    default_endpoint_stack,
    default_stack,
    v2,
)
from txetcd.filters import InMemoryStats, Timeout
from txetcd.http import Request
from txetcd.model import Op

ROLES = ("deadline", "retry", "protocol", "authentication")

#: Each way of putting a filter at each place of the default stack, and what is then above it.
PLACES: list[tuple[Any, int]] = [
    (lambda stack, mine: stack.prepend("mine", mine), 0),
    *[
        (lambda stack, mine, role=role: stack.insert_before(role, "mine", mine), n)
        for n, role in enumerate(ROLES)
    ],
    *[
        (lambda stack, mine, role=role: stack.insert_after(role, "mine", mine), n + 1)
        for n, role in enumerate(ROLES)
    ],
    (lambda stack, mine: stack.append("mine", mine), len(ROLES)),
]


class StackTests(Case):
    def answered(self, etcd: Etcd) -> Any:
        """Get a key, from a server that answers as etcd does."""
        answer = etcd.key("/a").get()
        self.accept().send(reply(NODE))
        got = self.successResultOf(answer)
        self.successResultOf(self.closed(etcd))
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        return got

    def test_a_filter_can_be_put_at_every_place(self):
        self.assertEqual({above for _, above in PLACES}, {0, 1, 2, 3, 4})
        for put, above in PLACES:
            self.setUp()
            mine = Seeing()
            stacks: list[Stack] = []

            def changed(stack, put=put, mine=mine, stacks=stacks):
                stacks.append(put(stack, mine))
                return stacks[-1]

            got = self.answered(self.connect(auth=(USER, PASSWORD), stack=changed))
            self.assertEqual((got.action, got.node.text), (Action.GET, "1"))
            roles = list(ROLES)
            roles.insert(above, "mine")
            self.assertEqual(stacks[0].roles, tuple(roles))
            # Operations above the protocol, HTTP messages below.
            kind = Op if above <= ROLES.index("protocol") else Request
            self.assertEqual(len(mine.requests), 1)
            self.assertIsInstance(mine.requests[0], kind)
            self.assertEqual(len(mine.responses), 1)

    def test_a_filter_above_the_protocol_may_answer_by_itself(self):
        for put, above in PLACES:
            if above > ROLES.index("protocol"):
                continue
            self.setUp()
            answering: Filter = Filter.mk(lambda request, service: f"instead of {request}")
            etcd = self.connect(
                auth=(USER, PASSWORD), stack=lambda stack, put=put, mine=answering: put(stack, mine)
            )
            self.assertEqual(self.successResultOf(etcd.key("/a").get()), "instead of get /a")
            self.assertEqual(self.asked, [])

    def test_a_filter_below_retry_sees_each_attempt_and_one_above_it_the_operation(self):
        above, below = Seeing(), Seeing()

        def both(stack):
            stack = stack.insert_before("retry", "above", above)
            return stack.insert_after("retry", "below", below)

        etcd = self.connect([A, B], stack=both)
        answer = etcd.key("/a").get()
        self.refuse()
        self.reactor.advance(0.01)
        self.accept().send(reply(NODE))
        self.successResultOf(answer)
        self.assertEqual(sorted(self.asked), [A, B])
        self.assertEqual((len(above.requests), len(below.requests)), (1, 2))
        self.successResultOf(self.closed(etcd))

    def test_every_role_but_the_protocol_can_be_removed(self):
        others = [role for role in ROLES if role != "protocol"]
        for gone in [*[[role] for role in others], others]:
            self.setUp()

            def without(stack, gone=gone):
                for role in gone:
                    stack = stack.remove(role)
                return stack

            etcd = self.connect(auth=(USER, PASSWORD), stack=without)
            self.assertEqual(self.answered(etcd).node.text, "1")

    def test_every_role_can_be_replaced(self):
        for role in ROLES:
            self.setUp()
            mine = Seeing()
            # The protocol is replaced by itself, with the user's filter in it.
            instead = v2.Keys() >> mine if role == "protocol" else mine
            etcd = self.connect(
                auth=(USER, PASSWORD),
                stack=lambda stack, role=role, instead=instead: stack.replace(role, instead),
            )
            self.assertEqual(self.answered(etcd).node.text, "1")
            self.assertEqual(len(mine.responses), 1)

    def test_without_the_deadline_the_timeout_of_each_attempt_is_left(self):
        etcd = self.connect(timeout=8, stack=lambda stack: stack.remove("deadline").remove("retry"))
        answer = etcd.key("/a").get()
        self.accept()
        self.until(4)
        self.assertEqual(self.failureResultOf(answer, RequestTimedOut).value.seconds, 4)
        self.successResultOf(self.closed(etcd))

    def test_a_version_is_asked_for_below_the_protocol(self):
        for put, above in PLACES:
            self.setUp()
            mine = Seeing()
            etcd = self.connect(
                auth=(USER, PASSWORD), stack=lambda stack, put=put, mine=mine: put(stack, mine)
            )
            answer = etcd.version()
            self.accept().send(reply(VERSION))
            self.assertEqual(self.successResultOf(answer), Version("3.5.1", "3.5.0"))
            expected = ["GET /version"] if above > ROLES.index("protocol") else []
            self.assertEqual([str(request) for request in mine.requests], expected)
            self.successResultOf(self.closed(etcd))

    def test_what_changes_the_stack_must_return_one(self):
        wrong: Any
        for wrong in (lambda stack: None, lambda stack: stack.to_filter(), lambda stack: []):
            error = self.assertRaises(TypeError, self.connect, stack=wrong)
            self.assertIn("stack= must return a Stack", str(error))

    def test_it_is_printed_as_a_table_that_gives_reasons(self):
        table = str(default_stack(Clock(), timeout=8, auth=(USER, PASSWORD)))
        retry = "Retry(Backoff.exponential_jittered(0.01, 1.0).take(4), when_safe)"
        rows = [
            ("role", "filter", "reason"),
            ("deadline", "Deadline(8)", "above retry: bounds an operation with all its attempts"),
            ("retry", retry, "above the protocol: it sees whether an operation is a write"),
            ("protocol", "v2.Keys()", "operations above, HTTP messages below"),
            (
                "authentication",
                "BasicAuthentication()",
                "below the protocol: no request misses it",
            ),
        ]
        self.assertEqual(
            table.splitlines(),
            [f"{role:<14}  {shown:<{len(retry)}}  {reason}" for role, shown, reason in rows],
        )

    def test_the_repr_of_the_client_reads_as_it_is_stacked(self):
        above = "Deadline(8) >> Retry(Backoff.exponential_jittered(0.01, 1.0).take(4), when_safe)"
        self.assertEqual(
            repr(self.connect(A, timeout=8)),
            f"Etcd({above} >> v2.Keys() >> Timeout(4, share=0.5)"
            f" >> Bulkheads(TreqService('{A}')))",
        )
        self.assertEqual(
            repr(self.connect([A, B], timeout=8)),
            f"Etcd({above} >> v2.Keys()"
            f" >> <Balancer PowerOfTwoChoices(), <{A} OPEN, load 0>, <{B} OPEN, load 0>>)",
        )


class EndpointStackTests(Servers):
    def put(self, endpoints: Any, change: Any, **options: Any) -> Etcd:
        return self.connect(endpoints, endpoint_stack=change, **options)

    def test_it_is_given_the_url_of_each_endpoint_as_it_is_used(self):
        urls: list[str] = []

        def seeing(stack, url):
            urls.append(url)
            return stack

        self.put([f"{B}/", f" {A},{C}", B], seeing)
        self.assertEqual(urls, [B, A, C])
        self.put(f"{A}/", seeing)
        self.assertEqual(urls[3:], [A])

    def test_each_endpoint_has_filters_of_its_own(self):
        stacks: list[Stack] = []

        def keeping(stack, url):
            stacks.append(stack)
            return stack

        self.put([A, B], keeping)
        self.assertEqual([stack.roles for stack in stacks], [ENDPOINT_ROLES, ENDPOINT_ROLES])
        for role in ENDPOINT_ROLES:
            self.assertIsNot(stacks[0][role].filter, stacks[1][role].filter)

    def test_a_filter_at_every_place_sees_the_attempts_at_its_endpoint(self):
        places = [
            lambda stack, mine: stack.prepend("mine", mine),
            lambda stack, mine: stack.insert_after("accrual", "mine", mine),
            lambda stack, mine: stack.append("mine", mine),
        ]
        for put in places:
            self.setUp()
            seeing = {A: Seeing(), B: Seeing()}
            etcd = self.put([A, B], lambda stack, url, put=put, see=seeing: put(stack, see[url]))
            for n in range(20):
                self.answered(etcd.key(f"/{n}").get())
            seen = [str(each) for url in (A, B) for each in seeing[url].requests]
            self.assertEqual(seen, self.came_to(A) + self.came_to(B))
            self.assertEqual(len(seen), 20)
            self.end(etcd)

    def test_every_role_can_be_removed(self):
        for gone in (["accrual"], ["timeout"], ["accrual", "timeout"]):
            self.setUp()

            def without(stack, url, gone=gone):
                for role in gone:
                    stack = stack.remove(role)
                return stack

            etcd = self.put([A, B], without)
            self.assertEqual(self.answered(etcd.key("/a").get()).node.text, "1")
            self.end(etcd)

    def test_every_role_can_be_replaced_and_the_replacement_is_used(self):
        for role in ENDPOINT_ROLES:
            self.setUp()
            mine = Seeing()
            etcd = self.put([A, B], lambda stack, url, r=role, m=mine: stack.replace(r, m))
            self.assertEqual(self.answered(etcd.key("/a").get()).node.text, "1")
            self.assertEqual(len(mine.responses), 1)
            self.end(etcd)

    def test_without_the_accrual_one_that_refuses_is_asked_again(self):
        self.refusing = {A, B}
        etcd = self.put([A, B], lambda stack, url: stack.remove("accrual"))
        for n in range(4):
            etcd.key(f"/{n}").get().addErrback(lambda failure: failure.trap(NotSent))
            self.after(4)
        self.assertEqual(len(self.asked), 20)
        self.end(etcd)

    def test_with_another_timeout_attempts_take_another_time(self):
        self.silent = {A, B}
        mine: Timeout = Timeout(1, self.reactor)
        etcd = self.put([A, B], lambda stack, url: stack.replace("timeout", mine))
        answer = etcd.key("/a").set("1")
        self.until(1)
        self.assertEqual(self.failureResultOf(answer, AmbiguousWrite).value.cause.seconds, 1)
        self.end(etcd)

    def test_one_that_is_alone_is_never_left_alone(self):
        roles: list[tuple[str, ...]] = []

        def keeping(stack, url):
            roles.append(stack.roles)
            return stack

        self.refusing = {A}
        etcd = self.put(A, keeping)
        self.assertEqual(roles, [("timeout",)])
        answer = etcd.key("/a").get()
        self.until(4)
        self.failureResultOf(answer, NotSent)
        self.assertIs(etcd.status, Status.OPEN)
        self.refusing = set()
        answer = etcd.key("/a").get()
        self.run_network()
        self.assertEqual(self.successResultOf(answer).node.text, "1")
        self.end(etcd)

    def test_it_is_printed_as_a_table_that_gives_reasons(self):
        table = str(default_endpoint_stack(Clock(), A, timeout=8, stats=InMemoryStats()))
        labels = {"endpoint": A}
        stats = f"Stats(<InMemoryStats, 0 series>, prefix='endpoint_', labels={labels})"
        accrual = "FailureAccrual(ConsecutiveFailures(5), alive)"
        rows = [
            ("role", "filter", "reason"),
            ("stats", stats, "above all of them: sees each attempt whole"),
            (
                "accrual",
                accrual,
                "below the balancer, which it warns; above the timeout, which it counts",
            ),
            (
                "timeout",
                "Timeout(4, share=0.5)",
                "below retry: leaves time for another attempt, elsewhere",
            ),
        ]
        self.assertEqual(
            table.splitlines(),
            [f"{role:<7}  {shown:<{len(stats)}}  {reason}" for role, shown, reason in rows],
        )


class StatsTests(Servers):
    """What is counted: operations at the top, requests at each endpoint."""

    def setUp(self):
        super().setUp()
        self.stats = InMemoryStats()

    def test_an_operation_counts_once_and_each_attempt_at_its_endpoint(self):
        etcd = self.connect([A, B], stats=self.stats)
        answer = etcd.key("/a").get()
        refused = self.asked[0]
        self.refusing = {refused}
        self.assertEqual(self.stats.gauge_value("requests_in_flight", operation="get"), 1)
        self.answered(answer)
        counted = self.stats.counter_value
        self.assertEqual(counted("requests", operation="get", result="success"), 1)
        self.assertEqual(counted("requests"), 1)
        self.assertEqual(counted("endpoint_requests"), 2)
        self.assertEqual(
            counted("endpoint_requests", endpoint=refused, result="retryable", error="NotSent"), 1
        )
        (other,) = {A, B} - {refused}
        self.assertEqual(
            counted("endpoint_requests", endpoint=other, operation="GET", result="success"), 1
        )
        self.assertEqual(self.stats.count("request_duration_seconds", operation="get"), 1)
        self.assertEqual(self.stats.count("endpoint_request_duration_seconds"), 2)
        for name in ("requests_in_flight", "endpoint_requests_in_flight"):
            self.assertEqual(self.stats.gauge_value(name), 0)
        self.end(etcd)

    def test_of_one_endpoint_alone_both_are_counted_too(self):
        etcd = self.connect(stats=self.stats)
        self.answered(etcd.key("/a").get())
        self.answered(etcd.key("/a").set("1"))
        counted = self.stats.counter_value
        self.assertEqual(counted("requests", operation="set", result="success"), 1)
        for method in ("GET", "PUT"):
            self.assertEqual(counted("endpoint_requests", endpoint=URL, operation=method), 1)
        self.end(etcd)

    def test_a_version_is_counted(self):
        etcd = self.connect(stats=self.stats)
        self.answered(etcd.version())
        counted = self.stats.counter_value
        self.assertEqual(counted("requests", operation="version", result="success"), 1)
        self.assertEqual(counted("endpoint_requests", operation="GET", result="success"), 1)
        self.end(etcd)

    def test_waits_are_counted_apart(self):
        etcd = self.connect([A, B], stats=self.stats)
        etcd.key("/a").get(wait=True).addErrback(lambda failure: failure.trap(ServiceClosed))
        self.run_network()
        for prefix in ("", "endpoint_"):
            self.assertEqual(self.stats.gauge_value(f"{prefix}long_polls_in_flight"), 1)
            self.assertEqual(self.stats.gauge_value(f"{prefix}requests_in_flight"), 0)
        self.end(etcd)
        self.assertEqual(self.stats.gauge_value("long_polls_in_flight"), 0)

    def test_probes_are_nobodys_requests_and_not_counted(self):
        self.silent = {A, B}
        etcd = self.connect([A, B], stats=self.stats)
        etcd.key("/a").get().addErrback(lambda failure: failure.trap(RequestTimedOut))
        self.until(30)
        self.assertNotEqual([line for _, line in self.requests if line == "GET /health"], [])
        gets = [line for _, line in self.requests if line != "GET /health"]
        self.assertEqual(self.stats.counter_value("endpoint_requests"), len(gets))
        self.end(etcd)

    def test_they_stand_at_the_top_of_both_stacks(self):
        roles: list[tuple[str, ...]] = []

        def keeping(stack, url=""):
            roles.append(stack.roles)
            return stack

        self.connect(
            [A, B], stats=self.stats, namespace="/n", stack=keeping, endpoint_stack=keeping
        )
        self.assertEqual(
            roles,
            [
                ("stats", "deadline", "namespace", "retry", "protocol"),
                ("stats", *ENDPOINT_ROLES),
                ("stats", *ENDPOINT_ROLES),
            ],
        )
