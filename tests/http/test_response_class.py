"""What an HTTP response says of its server, by its status."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txetcd import KeyNotFound, NotSent
from txetcd.http import Request, Response
from txetcd.http.response_class import classify_response
from txetcd.response_class import ResponseClass, classify

REQUEST = Request("GET", "/v2/keys/a")


class ClassifyResponseTests(SynchronousTestCase):
    def test_the_status_decides(self):
        for status in range(100, 600):
            if status in (429, 500, 502, 503, 504):
                expected = ResponseClass.RETRYABLE
            elif status >= 500:
                expected = ResponseClass.NON_RETRYABLE
            else:
                expected = ResponseClass.SUCCESS
            self.assertIs(classify_response(REQUEST, Response(status)), expected, status)

    def test_the_body_does_not(self):
        outcome = Response(200, body=b'{"errorCode": 300}')
        self.assertIs(classify_response(REQUEST, outcome), ResponseClass.SUCCESS)

    def test_what_is_no_response_is_classified_as_anywhere(self):
        for outcome in (
            Failure(NotSent("refused")),
            Failure(KeyNotFound(100)),
            Failure(CancelledError()),
            Failure(ValueError()),
            "another response",
            503,
        ):
            self.assertIs(classify_response(REQUEST, outcome), classify(REQUEST, outcome))

    def test_the_request_may_be_missing(self):
        """A probe has none that anybody knows."""
        self.assertIs(classify_response(None, Response(503)), ResponseClass.RETRYABLE)
