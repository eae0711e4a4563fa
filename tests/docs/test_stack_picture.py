"""The picture of the default stacks is drawn from them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.stack_picture import draw, picture
from txetcd import Filter, Stack

PICTURE = Path(__file__).resolve().parent.parent.parent / "docs" / "_static" / "stack.svg"


class PictureTests(SynchronousTestCase):
    def test_that_of_the_guide_is_the_one_that_the_code_draws_now(self):
        self.assertEqual(
            PICTURE.read_text("utf-8"),
            picture(),
            "draw it anew: python -m tests.docs.stack_picture >docs/_static/stack.svg",
        )

    def test_each_layer_is_drawn_with_its_reason_in_order(self):
        stack = Stack().append("one", Filter.identity, "a <reason>").append("two", Filter.identity)
        below = Stack().append("three", Filter.identity, "another")
        drawn = ElementTree.fromstring(draw(stack, below))
        words = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
        places = [words.index(word) for word in ("one", "a <reason>", "two", "three", "another")]
        self.assertEqual(places, sorted(places))
