"""`Headers`: a case-insensitive, ordered, immutable multi-map, that cannot split a message."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txetcd.http import Headers

#: The characters of a token (RFC 9110, section 5.6.2), written out.
TOKEN = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

names = st.text(st.sampled_from(TOKEN), min_size=1, max_size=8)
values = st.text(
    st.characters(min_codepoint=1, max_codepoint=255, exclude_characters="\r\n"), max_size=8
)
fields = st.lists(st.tuples(names, values), max_size=6)
quick = settings(deadline=None, max_examples=50)


class LookupTests(SynchronousTestCase):
    def test_a_name_is_found_in_any_case(self):
        headers = Headers({"Content-Type": "text/plain"})
        self.assertEqual(headers["content-TYPE"], "text/plain")
        self.assertEqual(headers.get("CONTENT-type"), "text/plain")
        self.assertIn("content-type", headers)

    def test_a_missing_name_is_a_key_error_none_or_the_default(self):
        headers = Headers({"A": "1"})
        with self.assertRaises(KeyError) as caught:
            headers["B"]
        self.assertEqual(caught.exception.args, ("B",))
        self.assertIsNone(headers.get("B"))
        self.assertEqual(headers.get("B", "none"), "none")
        self.assertNotIn("B", headers)

    def test_what_is_not_text_is_in_no_headers(self):
        self.assertNotIn(1, Headers({"1": "1"}))

    def test_get_gives_the_first_value_and_get_all_every_one_in_order(self):
        headers = Headers([("a", "2"), ("b", "x"), ("A", "1")])
        self.assertEqual(headers.get("a"), "2")
        self.assertEqual(headers.get_all("A"), ("2", "1"))
        self.assertEqual(headers.get_all("c"), ())

    def test_names_of_one_length_are_told_apart(self):
        headers = Headers([("X-Raft-Index", "5"), ("X-Etcd-Index", "4")])
        self.assertEqual(headers.get("x-etcd-index"), "4")
        self.assertIsNone(headers.get("X-Test-Index"))

    @quick
    @given(fields, names)
    def test_get_is_the_first_of_get_all(self, pairs, name):
        headers = Headers(pairs)
        for each in (name, *(name.swapcase() for name, _ in pairs)):
            self.assertEqual(headers.get(each, "none"), (*headers.get_all(each), "none")[0])

    def test_an_empty_value_is_a_value(self):
        headers = Headers({"A": ""})
        self.assertIn("A", headers)
        self.assertEqual(headers.get("A", "default"), "")

    @quick
    @given(fields)
    def test_iteration_gives_back_every_field_as_it_was_given(self, pairs):
        self.assertEqual(list(Headers(pairs)), pairs)
        self.assertEqual(len(Headers(pairs)), len(pairs))


class ChangeTests(SynchronousTestCase):
    """Each change makes another instance."""

    def test_set_replaces_every_value_whatever_its_case(self):
        before = Headers([("a", "1"), ("b", "2"), ("A", "3")])
        self.assertEqual(list(before.set("A", "9")), [("b", "2"), ("A", "9")])
        self.assertEqual(list(before), [("a", "1"), ("b", "2"), ("A", "3")])

    def test_add_keeps_the_values_there_are(self):
        before = Headers([("a", "1")])
        self.assertEqual(list(before.add("A", "2")), [("a", "1"), ("A", "2")])
        self.assertEqual(list(before), [("a", "1")])

    def test_remove_takes_every_value_whatever_its_case(self):
        before = Headers([("a", "1"), ("b", "2"), ("A", "3")])
        self.assertEqual(list(before.remove("A")), [("b", "2")])
        self.assertEqual(list(before.remove("c")), list(before))

    def test_a_field_that_is_added_or_set_is_checked(self):
        for change in (Headers().add, Headers().set):
            with self.assertRaises(ValueError):
                change("a", "1\r\nb: 2")
            with self.assertRaises(ValueError):
                change("a b", "1")


class EqualityTests(SynchronousTestCase):
    def test_names_are_compared_without_case_and_values_with_it(self):
        self.assertEqual(Headers({"A": "x"}), Headers({"a": "x"}))
        self.assertEqual(hash(Headers({"A": "x"})), hash(Headers({"a": "x"})))
        self.assertNotEqual(Headers({"A": "x"}), Headers({"A": "X"}))

    def test_the_order_of_names_does_not_count(self):
        first, second = ("a", "1"), ("b", "2")
        self.assertEqual(Headers([first, second]), Headers([second, first]))
        self.assertEqual(hash(Headers([first, second])), hash(Headers([second, first])))

    def test_the_order_of_the_values_of_one_name_counts(self):
        """It may not be changed on the way either (RFC 9110, section 5.3)."""
        self.assertNotEqual(
            Headers([("a", "1"), ("a", "2")]), Headers([("a", "2"), ("a", "1")])
        )

    def test_repeated_fields_count(self):
        self.assertNotEqual(Headers([("a", "1")]), Headers([("a", "1"), ("a", "1")]))

    def test_headers_are_equal_to_nothing_else(self):
        self.assertNotEqual(Headers({"a": "1"}), {"a": "1"})

    @quick
    @given(fields)
    def test_equal_headers_have_equal_hashes(self, pairs):
        upper = Headers([(name.upper(), value) for name, value in pairs])
        lower = Headers([(name.lower(), value) for name, value in pairs])
        self.assertEqual(upper, lower)
        self.assertEqual(hash(upper), hash(lower))


class RefusalTests(SynchronousTestCase):
    """What would break the message, or could not be sent, is refused when it is given."""

    def test_a_name_is_a_token(self):
        for name in ("", " a", "a b", "a:", "a\r\n", "a\n", "ä", "(a)", "a\0"):
            with self.assertRaises(ValueError) as caught:
                Headers([(name, "1")])
            self.assertIn(repr(name), str(caught.exception))

    def test_a_value_holds_no_nul_cr_or_lf(self):
        for value in ("\r", "\n", "\0", "a\r\nb: c", "a\n", "\0a"):
            with self.assertRaises(ValueError) as caught:
                Headers([("a", value)])
            self.assertIn(repr(value), str(caught.exception))

    def test_a_value_beyond_latin_1_is_refused_since_it_cannot_be_sent(self):
        for value in ("€", "a\ud800"):
            with self.assertRaises(ValueError) as caught:
                Headers([("a", value)])
            self.assertIn(repr(value), str(caught.exception))

    def test_bytes_are_read_as_latin_1(self):
        self.assertEqual(list(Headers([(b"A", b"\xe9")])), [("A", "é")])

    @quick
    @given(st.binary(min_size=1, max_size=4), st.binary(max_size=4))
    def test_any_bytes_are_taken_as_they_are_or_refused_with_value_error(self, name, value):
        try:
            headers = Headers([(name, value)])
        except ValueError:
            return
        ((got_name, got_value),) = headers
        self.assertEqual(got_name.encode("latin-1"), name)
        self.assertEqual(got_value.encode("latin-1"), value)
        self.assertTrue(set(got_name) <= set(TOKEN))
        self.assertFalse(set(value) & set(b"\0\r\n"))


class SecretTests(SynchronousTestCase):
    def test_repr_hides_the_values_of_fields_that_carry_credentials(self):
        for name in (
            "Authorization",
            "PROXY-authorization",
            "cookie",
            "Set-Cookie",
            "X-Auth-Token",
        ):
            self.assertEqual(
                repr(Headers([(name, "hunter2"), ("A", "1")])),
                f"Headers([({name!r}, '<secret>'), ('A', '1')])",
            )

    def test_the_error_about_a_secret_value_does_not_tell_it(self):
        for bad in ("hunter2\n", "hunter2€"):
            with self.assertRaises(ValueError) as caught:
                Headers({"Authorization": bad})
            self.assertNotIn("hunter2", str(caught.exception))
            self.assertIn("Authorization", str(caught.exception))
