"""The errors: their tree, their flags, and that each is whole after its travels."""

from __future__ import annotations

import copy
import pickle
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txetcd import errors
from txetcd.errors import (
    AmbiguousWrite,
    ApiDisabled,
    ApiError,
    BackoffsExhausted,
    DirNotEmpty,
    EndpointDown,
    ErrorCode,
    EventIndexCleared,
    IndexNaN,
    InvalidField,
    InvalidForm,
    KeyNotFound,
    LeaderElect,
    LoadShed,
    MalformedResponse,
    NetworkError,
    NodeExist,
    NoEndpoints,
    NotDir,
    NotFile,
    NotSent,
    PrevValueRequired,
    QueueFull,
    RaftInternal,
    RateLimited,
    RefreshTtlRequired,
    RefreshValue,
    Rejected,
    ReplyLost,
    RequestCancelled,
    RequestTimedOut,
    ResponseTooLarge,
    RootReadOnly,
    ServiceClosed,
    TestFailed,
    TtlNaN,
    TxetcdError,
    Unauthorized,
    UnexpectedResponse,
    WatchEnded,
    WatcherCleared,
    WriteForbidden,
)
from txetcd.model import Set

OP = Set("/a", b"secret value")
URL = "http://127.0.0.1:2379"

#: Each class below the root, with its parent.
PARENTS = {
    NetworkError: TxetcdError,
    NotSent: NetworkError,
    ReplyLost: NetworkError,
    RequestTimedOut: NetworkError,
    RequestCancelled: TxetcdError,
    ServiceClosed: TxetcdError,
    UnexpectedResponse: TxetcdError,
    MalformedResponse: UnexpectedResponse,
    ResponseTooLarge: UnexpectedResponse,
    WatchEnded: UnexpectedResponse,
    ApiDisabled: UnexpectedResponse,
    ApiError: TxetcdError,
    BackoffsExhausted: TxetcdError,
    Rejected: TxetcdError,
    QueueFull: Rejected,
    RateLimited: Rejected,
    LoadShed: Rejected,
    EndpointDown: Rejected,
    NoEndpoints: Rejected,
    WriteForbidden: Rejected,
    AmbiguousWrite: TxetcdError,
}

#: etcd's codes: Documentation/v2/errorcode.md, and error/error.go.
CODES: dict[int, type[ApiError]] = {
    100: KeyNotFound,
    101: TestFailed,
    102: NotFile,
    104: NotDir,
    105: NodeExist,
    107: RootReadOnly,
    108: DirNotEmpty,
    110: Unauthorized,
    201: PrevValueRequired,
    202: TtlNaN,
    203: IndexNaN,
    209: InvalidField,
    210: InvalidForm,
    211: RefreshValue,
    212: RefreshTtlRequired,
    300: RaftInternal,
    301: LeaderElect,
    400: WatcherCleared,
    401: EventIndexCleared,
}

#: One error of each class, with the words it says without operation and endpoint.
EXAMPLES: list[tuple[TxetcdError, str]] = [
    (TxetcdError("it failed"), "it failed"),
    (NetworkError("it failed", OSError(5, "broken")), "it failed"),
    (NotSent("refused"), "refused"),
    (ReplyLost("reset", OSError(104, "reset by peer")), "reset"),
    (RequestTimedOut(2.5), "no reply within 2.5 s"),
    (RequestTimedOut(10, NotSent("refused"), False), "no reply within 10 s; last: refused"),
    (RequestCancelled(), "the request was cancelled"),
    (RequestCancelled(sent=False), "the request was cancelled"),
    (ServiceClosed(), "the service is closed"),
    (ServiceClosed(possibly_applied=True), "the service is closed"),
    (
        UnexpectedResponse(502, b"<html>", "the body is not JSON"),
        "unexpected response, status 502: the body is not JSON; body begins b'<html>'",
    ),
    (UnexpectedResponse(204), "unexpected response, status 204; body begins b''"),
    (
        MalformedResponse(0, b"SSH-2.0", "the version is not HTTP/1.1"),
        "not a response of HTTP/1.1: the version is not HTTP/1.1; it begins b'SSH-2.0'",
    ),
    (
        MalformedResponse(200, reason="a header field holds NUL"),
        "not a response of HTTP/1.1, status 200: a header field holds NUL",
    ),
    (
        ResponseTooLarge(200, b"aaa", "the body is longer than 3 bytes"),
        "unexpected response, status 200: the body is longer than 3 bytes; body begins b'aaa'",
    ),
    (
        WatchEnded(),
        "unexpected response, status 200: the wait ended without an event; body begins b''",
    ),
    (
        ApiDisabled(404, b"404 page not found"),
        (
            "the server has no etcd v2 API (status 404): start etcd 3.5 or older with --enable-v2 "
            "(ETCD_ENABLE_V2=true); etcd 3.6 and later have no v2 API at all"
        ),
    ),
    (ApiError(100, "Key not found", "/a", 7), "Key not found (/a), code 100"),
    (ApiError(999, "Odd"), "Odd, code 999"),
    (KeyNotFound(100), "KeyNotFound, code 100"),
    *[
        (kind(code, "Words", "/a", 7), f"Words (/a), code {code}")
        for code, kind in CODES.items()
    ],
    (Rejected("not now"), "not now"),
    (QueueFull("3 requests wait already"), "3 requests wait already"),
    (RateLimited("10 requests a second may be made"), "10 requests a second may be made"),
    (LoadShed("refused here"), "refused here"),
    (EndpointDown("it is left alone"), "it is left alone"),
    (NoEndpoints("none is known"), "none is known"),
    (WriteForbidden("it only reads"), "it only reads"),
    (BackoffsExhausted("/a"), "gave up on /a after 0 failures; last: None"),
    (
        BackoffsExhausted("/a", [NotSent("refused"), ReplyLost("reset")]),
        "gave up on /a after 2 failures; last: reset",
    ),
    (
        AmbiguousWrite("set /b", ReplyLost("reset")),
        "the write was sent and its outcome is unknown: reset",
    ),
    (
        AmbiguousWrite(OP, OSError("broken")),
        "the write was sent and its outcome is unknown: broken",
    ),
]


def public_classes() -> set[type[TxetcdError]]:
    found = [getattr(errors, name) for name in errors.__all__]
    return {each for each in found if issubclass(each, TxetcdError)}


class TreeTests(SynchronousTestCase):
    def test_each_class_stands_in_its_family(self):
        for kind, parent in {**PARENTS, **dict.fromkeys(CODES.values(), ApiError)}.items():
            self.assertIs(kind.__bases__[0], parent)

    def test_no_class_is_missing_here(self):
        self.assertEqual(public_classes(), {TxetcdError, *PARENTS, *CODES.values()})
        self.assertEqual({type(error) for error, _ in EXAMPLES}, public_classes())

    def test_every_class_is_public(self):
        defined = {
            each
            for each in vars(errors).values()
            if isinstance(each, type) and issubclass(each, TxetcdError)
        }
        self.assertEqual(defined, public_classes())

    def test_what_a_policy_did_not_let_begin_can_be_told_by_one_class(self):
        rejected = [kind for kind, parent in PARENTS.items() if parent is Rejected]
        self.assertEqual(len(rejected), 6)
        for kind in rejected:
            self.assertIsNotNone(Failure(kind()).check(Rejected))
            self.assertFalse(kind().possibly_applied)

    def test_a_cancelled_request_is_what_twisted_calls_cancelled(self):
        self.assertIsInstance(RequestCancelled(), CancelledError)
        self.assertIsNotNone(Failure(RequestCancelled()).check(CancelledError))


class FlagTests(SynchronousTestCase):
    def test_each_error_says_whether_to_try_again_and_whether_it_may_have_been_done(self):
        no, yes = False, True
        for error, retryable, possibly_applied in [
            (TxetcdError(), no, no),
            (NetworkError(), yes, no),
            (NotSent(), yes, no),
            (ReplyLost(), yes, yes),
            (RequestTimedOut(1), yes, yes),
            (RequestTimedOut(1, None, False), yes, no),
            (RequestCancelled(), no, yes),
            (RequestCancelled(sent=False), no, no),
            (ServiceClosed(), no, no),
            (ServiceClosed(True), no, yes),
            (UnexpectedResponse(200), no, yes),
            (UnexpectedResponse(302), no, no),
            (UnexpectedResponse(404), no, no),
            (UnexpectedResponse(499), no, no),
            (UnexpectedResponse(500), yes, yes),
            (UnexpectedResponse(503), yes, yes),
            (UnexpectedResponse(100), no, yes),
            (MalformedResponse(0), no, yes),
            (MalformedResponse(404), no, no),
            (ResponseTooLarge(200), no, yes),
            (WatchEnded(), yes, yes),
            (ApiDisabled(404), no, no),
            (BackoffsExhausted("/a"), no, no),
            (Rejected("not now"), yes, no),
            (QueueFull("full"), yes, no),
            (RateLimited("too many"), yes, no),
            (LoadShed("refused here"), yes, no),
            (EndpointDown("left alone"), yes, no),
            (NoEndpoints("none"), yes, no),
            (WriteForbidden("it only reads"), no, no),
            (AmbiguousWrite(OP), no, yes),
            (ApiError(999), no, no),
            (RaftInternal(300), yes, yes),
            (LeaderElect(301), yes, yes),
            (WatcherCleared(400), yes, no),
            *[(ApiError(code), no, no) for code in sorted(CODES) if code not in (300, 301, 400)],
        ]:
            self.assertEqual(
                (error.retryable, error.possibly_applied), (retryable, possibly_applied), error
            )


class ApiErrorTests(SynchronousTestCase):
    def test_a_code_chooses_the_class_as_an_errno_does(self):
        for code, kind in CODES.items():
            error = ApiError(code, "Words", "/a", 7)
            self.assertIs(type(error), kind)
            self.assertEqual(
                (error.code, error.message, error.cause, error.index), (code, "Words", "/a", 7)
            )

    def test_the_codes_have_names(self):
        self.assertEqual({int(code) for code in ErrorCode}, set(CODES))
        for code, kind in CODES.items():
            self.assertEqual(kind.CODE, code)
            self.assertIs(type(ApiError(ErrorCode(code))), kind)

    def test_an_unknown_code_is_an_api_error_of_no_special_kind(self):
        error = ApiError(999, "Odd", "/a", 7)
        self.assertIs(type(error), ApiError)
        self.assertEqual((error.code, error.index), (999, 7))

    def test_a_class_of_its_own_is_kept_whatever_the_code(self):
        self.assertIs(type(KeyNotFound(105)), KeyNotFound)

    def test_a_users_subclass_without_a_code_takes_none_from_ours(self):
        class Mine(ApiError):
            pass

        class MyNotFound(KeyNotFound):
            pass

        self.assertIs(type(Mine(100)), Mine)
        self.assertIs(type(MyNotFound(100)), MyNotFound)
        self.assertIs(type(ApiError(100)), KeyNotFound)


class TextTests(SynchronousTestCase):
    def test_each_error_says_what_happened(self):
        for error, words in EXAMPLES:
            self.assertEqual(error.describe(), words)

    def test_it_names_the_operation_and_the_endpoint_where_they_are_known(self):
        error = NotSent("refused")
        self.assertEqual(str(error), "refused")
        error.locate(endpoint=URL)
        self.assertEqual(str(error), f"refused [at {URL}]")
        error.locate(OP)
        self.assertEqual(str(error), f"refused [set /a at {URL}]")

    def test_every_error_names_operation_and_endpoint(self):
        for error, words in EXAMPLES:
            located = copy.copy(error)
            located.locate(OP, URL)
            self.assertTrue(str(located).startswith(words))
            self.assertIn("[set /", str(located))
            self.assertIn(f"at {URL}]", str(located))

    def test_what_is_known_first_is_kept(self):
        error = NotSent("refused")
        error.locate("get /a", URL)
        error.locate("get /b", "http://other:2379")
        self.assertEqual((error.op, error.endpoint), ("get /a", URL))

    def test_an_ambiguous_write_has_the_operation_and_the_endpoint_of_its_cause(self):
        cause = ReplyLost("reset")
        cause.locate(endpoint=URL)
        error = AmbiguousWrite(OP, cause)
        self.assertEqual(
            str(error),
            f"the write was sent and its outcome is unknown: reset [set /a at {URL}]",
        )
        self.assertIs(error.op, OP)
        self.assertIs(error.__cause__, cause)

    def test_a_timeout_names_the_last_reason_that_is_not_the_timeout_itself(self):
        error = RequestTimedOut(10, RequestCancelled())
        error.reasons = (NotSent("refused"), ReplyLost("reset"))
        self.assertEqual(str(error), "no reply within 10 s; last: reset")
        error = RequestTimedOut(10, RequestTimedOut(5, CancelledError()))
        self.assertEqual(str(error), "no reply within 10 s; last: no reply within 5 s")
        self.assertEqual(str(RequestTimedOut(10, CancelledError())), "no reply within 10 s")

    def test_the_place_is_said_once_if_it_is_that_of_the_reason_too(self):
        for endpoint, expected in [
            (URL, f"no reply within 10 s; last: refused [get /a at {URL}]"),
            (
                "http://other:1",
                f"no reply within 10 s; last: refused [get /a at http://other:1] [get /a at {URL}]",
            ),
        ]:
            reason = NotSent("refused")
            reason.locate("get /a", endpoint)
            error = RequestTimedOut(10)
            error.reasons = (reason,)
            error.locate("get /a", URL)
            self.assertEqual(str(error), expected)

    def test_no_more_than_the_first_bytes_of_a_body_are_kept(self):
        error = UnexpectedResponse(200, b"x" * 1000)
        self.assertEqual(error.body, b"x" * 200)
        self.assertLess(len(str(error)), 300)

    def test_the_value_that_was_to_be_written_is_not_shown(self):
        for error, _ in EXAMPLES:
            located = copy.copy(error)
            located.locate(OP, URL)
            for shown in (str(located), repr(located), Failure(located).getTraceback()):
                self.assertNotIn("secret value", shown)


class TravelTests(SynchronousTestCase):
    """Errors go between processes and are kept: each is the same afterwards."""

    def same(self, copied: Any, error: TxetcdError) -> None:
        self.assertIs(type(copied), type(error))
        self.assertIsNot(copied, error)
        self.assertEqual(str(copied), str(error))
        self.assertEqual(repr(copied), repr(error))
        self.assertEqual(copied.retryable, error.retryable)
        self.assertEqual(copied.possibly_applied, error.possibly_applied)
        self.assertEqual(copied.op, error.op)
        self.assertEqual(copied.endpoint, error.endpoint)
        self.assertEqual([str(each) for each in copied.reasons], [str(e) for e in error.reasons])
        self.assertEqual(type(copied.__cause__), type(error.__cause__))
        self.assertEqual(str(copied.__cause__), str(error.__cause__))
        self.assertEqual(set(vars(copied)), set(vars(error)))

    def located(self, error: TxetcdError) -> TxetcdError:
        error = copy.copy(error)
        error.locate(OP, URL)
        error.reasons = error.reasons or (NotSent("first"), RequestTimedOut(5))
        return error

    def test_every_class_survives_pickling(self):
        for error, _ in EXAMPLES:
            for each in (error, self.located(error)):
                for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                    self.same(pickle.loads(pickle.dumps(each, protocol)), each)

    def test_every_class_survives_copying(self):
        for error, _ in EXAMPLES:
            for each in (error, self.located(error)):
                self.same(copy.copy(each), each)
                self.same(copy.deepcopy(each), each)

    def test_a_copy_is_a_thing_apart(self):
        error = NotSent("refused")
        copy.copy(error).locate(OP, URL)
        self.assertEqual(str(error), "refused")

    def test_a_copy_has_the_very_attributes(self):
        error = pickle.loads(pickle.dumps(RequestTimedOut(2.5, NotSent("refused"), False)))
        self.assertEqual((error.seconds, error.possibly_applied), (2.5, False))
        self.assertIs(error.cause, error.__cause__)
        error = pickle.loads(pickle.dumps(UnexpectedResponse(502, b"<html>", "odd")))
        self.assertEqual((error.status, error.body, error.reason), (502, b"<html>", "odd"))
        error = pickle.loads(pickle.dumps(AmbiguousWrite(OP, ReplyLost("reset"))))
        self.assertEqual((error.op, str(error.cause)), (OP, "reset"))
        error = pickle.loads(pickle.dumps(BackoffsExhausted("/a", [NotSent("refused")])))
        self.assertEqual((error.subject, str(error.reasons[0])), ("/a", "refused"))

    def test_a_users_subclass_with_arguments_of_its_own_survives(self):
        error = pickle.loads(pickle.dumps(Mine(5)))
        self.assertEqual((type(error), error.number, str(error)), (Mine, 5, "mine"))


class Mine(TxetcdError):
    def __init__(self, number):
        super().__init__("mine")
        self.number = number
