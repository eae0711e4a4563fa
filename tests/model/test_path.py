"""The paths of keys: what names a key, and what is refused before anything is sent."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txetcd.model.path import absolute, join, parts

quick = settings(deadline=None, max_examples=100)

#: Any text that can be a part: no slash, no NUL, no half of a surrogate pair, no dots alone.
part = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=5
).filter(lambda text: text not in (".", ".."))
some_parts = st.lists(part, min_size=1, max_size=4)


class AbsoluteTests(SynchronousTestCase):
    def test_one_slash_before_and_one_after_make_no_difference(self):
        for path in ("a/b", "/a/b", "a/b/", "/a/b/"):
            self.assertEqual(absolute(path), "/a/b")

    def test_the_root_is_one_slash(self):
        self.assertEqual(absolute("/"), "/")
        self.assertEqual(parts("/"), [])

    def test_characters_that_urls_reserve_are_kept_as_they_are(self):
        path = "/a b/%2F/+/?/#/;/&/~/ü/\n/🦊/..."
        self.assertEqual(absolute(path), path)

    def test_parts_that_cannot_name_a_key_are_refused(self):
        for path in ("", "//", "//a", "a//", "a//b", "///"):
            self.refused(path, "''")
        for path in (".", "/./a", "a/.", "./"):
            self.refused(path, "'.'")
        for path in ("..", "a/../b", "/..", "../a/"):
            self.refused(path, "'..'")

    def test_nul_is_refused(self):
        self.refused("/a\0b", "NUL")

    def test_half_of_a_surrogate_pair_is_refused(self):
        self.refused("/a/\ud800", "UTF-8")

    def test_what_is_not_text_is_a_type_error(self):
        for path in (b"/a", None, 1, ["a"]):
            with self.assertRaises(TypeError) as caught:
                absolute(path)  # type: ignore[arg-type]
            self.assertIn(repr(path), str(caught.exception))

    def refused(self, path, reason):
        with self.assertRaises(ValueError) as caught:
            absolute(path)
        self.assertIn(repr(path), str(caught.exception))
        self.assertIn(reason, str(caught.exception))
        self.assertNotIsInstance(caught.exception, UnicodeError)

    @quick
    @given(some_parts)
    def test_parts_come_back_as_they_went_in(self, names):
        path = "/" + "/".join(names)
        self.assertEqual(parts(path), names)
        self.assertEqual(absolute(path), path)

    @quick
    @given(st.text(max_size=8))
    def test_any_text_is_one_path_or_a_value_error(self, text):
        try:
            path = absolute(text)
        except ValueError:
            return
        self.assertEqual(absolute(path), path)
        self.assertEqual(path[0], "/")
        self.assertNotIn("//", path)
        self.assertIn(text, (path, path[1:], path + "/", path[1:] + "/"))


    @quick
    @given(st.text(st.sampled_from("/a.\0\ud800\n"), max_size=8))
    def test_a_path_that_is_seen_at_once_to_be_one_is_one(self, text):
        try:
            expected = "/" + "/".join(parts(text))
        except ValueError as error:
            self.refused(text, str(error))
        else:
            self.assertEqual(absolute(text), expected)

    def test_a_text_of_another_class_becomes_plain_text(self):
        class Text(str):
            pass

        self.assertIs(type(absolute(Text("/a"))), str)


class JoinTests(SynchronousTestCase):
    def test_a_name_goes_below_the_parent(self):
        self.assertEqual(join("/a", "b"), "/a/b")
        self.assertEqual(join("/", "b"), "/b")

    def test_a_name_may_have_several_parts_and_slashes_around_it(self):
        self.assertEqual(join("/a", "b/c"), "/a/b/c")
        self.assertEqual(join("/a", "/b/"), "/a/b")

    def test_a_name_that_could_leave_the_parent_or_names_nothing_is_refused(self):
        for name in ("..", "b/../..", ".", "", "/", "//", "b//c", "b\0"):
            with self.assertRaises(ValueError) as caught:
                join("/a", name)
            self.assertIn(repr(name), str(caught.exception))

    @quick
    @given(some_parts, some_parts)
    def test_joining_two_lists_of_parts_is_joining_their_paths(self, above, below):
        parent, name = "/" + "/".join(above), "/".join(below)
        self.assertEqual(parts(join(parent, name)), above + below)
