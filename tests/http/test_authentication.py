"""`Authentication`: the credentials are on each request, and in nothing that is shown."""

from base64 import b64decode

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from txetcd import Service
from txetcd.http import Headers, Request, Response
from txetcd.http.authentication import Authentication, BasicAuthentication

#: No control characters, and no halves of surrogate pairs.
text = st.text(st.characters(exclude_categories=["Cc", "Cs"]))


class Case(SynchronousTestCase):
    def seen_below(self, authentication, request):
        seen: list[Request] = []

        def service(request):
            seen.append(request)
            return Response(200)

        self.assertEqual(
            self.successResultOf((authentication >> Service.mk(service))(request)), Response(200)
        )
        return seen[0]


class AuthenticationTests(Case):
    def test_each_request_has_what_is_returned_then(self):
        tokens = iter(["Bearer 1", "Bearer 2"])
        authentication = Authentication(lambda: next(tokens))
        for expected in ("Bearer 1", "Bearer 2"):
            seen = self.seen_below(authentication, Request("GET", "/a"))
            self.assertEqual(seen.headers.get_all("Authorization"), (expected,))

    def test_credentials_may_be_waited_for(self):
        async def renewed():
            return "Bearer new"

        for credentials in (lambda: succeed("Bearer new"), renewed):
            seen = self.seen_below(Authentication(credentials), Request("GET", "/a"))
            self.assertEqual(seen.headers["Authorization"], "Bearer new")

    def test_nothing_is_sent_without_them(self):
        sent: list[Request] = []

        def raises():
            raise KeyError("no token")

        for credentials in (raises, lambda: fail(KeyError("no token"))):
            below: Service = Service.mk(sent.append)
            service = Authentication(credentials) >> below
            self.failureResultOf(service(Request("GET", "/a")), KeyError)
        self.assertEqual(sent, [])

    def test_cancelling_cancels_what_is_waited_for(self):
        cancelled: list[str] = []
        token: Deferred[str] = Deferred(lambda _: cancelled.append("token"))
        answer: Deferred[Response] = Deferred(lambda _: cancelled.append("answer"))
        service = Authentication(lambda: token) >> Service.mk(lambda request: answer)
        waiting = service(Request("GET", "/a"))
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(cancelled, ["token"])

        token = succeed("Bearer x")
        waiting = service(Request("GET", "/a"))
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(cancelled, ["token", "answer"])

    def test_what_cannot_be_sent_is_refused_and_not_told(self):
        for wrong in ("hunter2\n", "hunter2\0", " hunter2", "hunter2 ", "", "hunter2 §"):
            for credentials in (lambda wrong=wrong: wrong, lambda wrong=wrong: succeed(wrong)):
                service = Authentication(credentials) >> Service.mk(lambda request: Response(200))
                failure = self.failureResultOf(service(Request("GET", "/a")), ValueError)
                self.assertNotIn("hunter2", f"{failure.value!r} {failure.value.__context__!r}")

    def test_nothing_that_is_shown_tells_them(self):
        authentication = Authentication(lambda: "Bearer hunter2")
        seen = self.seen_below(authentication, Request("GET", "/a"))
        self.assertNotIn("hunter2", f"{authentication!r} {seen!r} {seen}")


class BasicAuthenticationTests(Case):
    def test_the_example_of_the_rfc(self):
        """RFC 7617, section 2."""
        seen = self.seen_below(
            BasicAuthentication("Aladdin", "open sesame"), Request("GET", "/a")
        )
        self.assertEqual(seen.headers["Authorization"], "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")

    def test_text_is_sent_in_utf_8(self):
        """RFC 7617, section 2.1."""
        seen = self.seen_below(BasicAuthentication("test", "123£"), Request("GET", "/a"))
        self.assertEqual(seen.headers["Authorization"], "Basic dGVzdDoxMjPCow==")

    def test_nothing_else_of_the_request_is_changed(self):
        told = print
        request = Request(
            "PUT", "/a", "b=c", Headers([("X", "1"), ("X", "2")]), b"body", True, told
        )
        seen = self.seen_below(BasicAuthentication("u", "p"), request)
        self.assertEqual(seen.headers.remove("Authorization"), request.headers)
        self.assertEqual((seen.target, seen.body, seen.long_poll), ("/a?b=c", b"body", True))
        self.assertIs(seen.on_head, told)

    def test_it_replaces_other_credentials(self):
        request = Request("GET", "/a", headers=Headers({"authorization": "Bearer x"}))
        seen = self.seen_below(BasicAuthentication("u", "p"), request)
        self.assertEqual(seen.headers.get_all("Authorization"), ("Basic dTpw",))

    @settings(deadline=None, max_examples=50)
    @given(text.filter(lambda user: ":" not in user), text)
    def test_the_server_reads_what_was_given(self, user, password):
        seen = self.seen_below(BasicAuthentication(user, password), Request("GET", "/a"))
        scheme, _, credentials = seen.headers["Authorization"].partition(" ")
        self.assertEqual(scheme, "Basic")
        self.assertEqual(b64decode(credentials).decode().split(":", 1), [user, password])

    def test_what_cannot_be_sent_is_refused_and_not_told(self):
        for user, password in (
            ("hunter2:", "p"),
            ("hunter2\n", "p"),
            ("u", "hunter2\0"),
            ("u", "hunter2\x7f"),
            ("u", "hunter2\ud800"),
            ("hunter2\udfff", "p"),
        ):
            with self.assertRaises(ValueError) as caught:
                BasicAuthentication(user, password)
            error = caught.exception
            self.assertNotIn("hunter2", f"{error} {error!r} {error.args} {error.__context__!r}")

    def test_nothing_that_is_shown_tells_the_credentials(self):
        authentication = BasicAuthentication("hunter2", "hunter2")
        seen = self.seen_below(authentication, Request("GET", "/a"))
        stack = authentication >> Service.mk(lambda request: Response(200))
        shown = f"{authentication!r} {authentication} {seen!r} {seen} {stack!r}"
        self.assertNotIn("hunter2", shown)
        self.assertNotIn("aHVudGVyMjpodW50ZXIy", shown)
