"""`BasicAuthentication`: the credentials are on each request, and in nothing that is shown."""

from base64 import b64decode

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txetcd import Service
from txetcd.http import Headers, Request, Response
from txetcd.http.authentication import BasicAuthentication

#: No control characters, and no halves of surrogate pairs.
text = st.text(st.characters(exclude_categories=["Cc", "Cs"]))


class BasicAuthenticationTests(SynchronousTestCase):
    def seen_below(self, authentication, request):
        seen: list[Request] = []

        def service(request):
            seen.append(request)
            return Response(200)

        self.assertEqual(
            self.successResultOf((authentication >> Service.mk(service))(request)), Response(200)
        )
        return seen[0]

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
