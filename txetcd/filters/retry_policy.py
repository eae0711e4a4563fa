"""When a request is to be sent again: policies, as values.

A policy is a function of a request and its outcome.  A `RetryPolicy` is one that is
put together from parts, and whose ``repr`` says what of::

    when_safe | RetryPolicy.on(TestFailed).limit(3)

Anything it does not say is not retried: the condition for a retry is never implied.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Any, Union

import attrs
from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from txetcd.errors import EndpointDown, NotSent, Rejected
from txetcd.response_class import ResponseClass, ResponseClassifier, classify

__all__ = ["Condition", "Policy", "RetryPolicy", "when_safe"]

#: Sees a request and its outcome, a response or a `Failure`; says whether to send
#: the request again.
Policy = Callable[[Any, Any], bool]

#: What `RetryPolicy.on` and `RetryPolicy.unless` take: a class of exceptions, a
#: `ResponseClass`, or a function of the request and the outcome.
Condition = Union[type[BaseException], ResponseClass, Policy]

_Decide = Callable[[Any, Any, int], bool]


@attrs.frozen(eq=False, repr=False)
class RetryPolicy:
    """A condition for sending a request again.

    Make one with `on` or ``of``, or begin with `when_safe`; narrow it with `unless`,
    `limit` and `if_safe`; join two with ``|`` (either says so) and ``&`` (both do).
    It is immutable and remembers nothing, so one serves any number of requests.

    It can be called as any policy can, ``policy(request, outcome)``, and says then
    what is to follow a first attempt.  A cancelled request is never sent again,
    whatever the parts say.

    >>> from txetcd.errors import KeyNotFound, TestFailed
    >>> when_safe.unless(KeyNotFound) | RetryPolicy.on(TestFailed).limit(3)
    when_safe.unless(KeyNotFound) | RetryPolicy.on(TestFailed).limit(3)

    .. versionadded:: 0.1
    """

    _decide: _Decide
    _text: str
    # The operator that joins its parts, if one does.
    _joined_by: str = ""

    def __call__(self, request: Any, outcome: Any) -> bool:
        return self.decide(request, outcome, 0)

    def decide(self, request: Any, outcome: Any, retries: int) -> bool:
        """Whether to send a request again that was sent again ``retries`` times already.

        Args:
            request: The request.
            outcome: That of the last attempt: a response, or a `Failure`.
            retries: How many retries there were; 0 after the first attempt.
        """
        if isinstance(outcome, Failure) and isinstance(outcome.value, CancelledError):
            return False
        return self._decide(request, outcome, retries)

    @classmethod
    def on(cls, *what: Condition, classifier: ResponseClassifier = classify) -> RetryPolicy:
        """Again, if any of these holds.

        That is not limited to what is safe: a write that may have been carried out is
        sent again as well, unless `if_safe` follows.

        Args:
            what: Classes of exceptions, which match failures; members of `ResponseClass`;
                or functions of the request and the outcome.
            classifier: Says the `ResponseClass` of an outcome, also of a response.

        Raises:
            ValueError: Nothing is given, or a cancellation is.
            TypeError: Something else is given.
        """
        for each in what:
            if isinstance(each, type) and issubclass(each, CancelledError):
                raise ValueError(f"a cancelled request is never sent again: on({each.__name__})")
        return cls(_any(what, classifier), f"RetryPolicy.on({_shown(what, classifier)})")

    @classmethod
    def of(cls, policy: Policy) -> RetryPolicy:
        """Any policy, a plain function say, as a value; a value as it is.

        Raises:
            TypeError: It is a class, or cannot be called.
        """
        if isinstance(policy, RetryPolicy):
            return policy
        if isinstance(policy, type):
            raise TypeError(f"a class is no policy: write RetryPolicy.on({policy.__name__})")
        if not callable(policy):
            raise TypeError(f"a policy is a function of a request and an outcome, not {policy!r}")
        return cls(lambda request, outcome, _: policy(request, outcome), _name(policy))

    def unless(self, *what: Condition, classifier: ResponseClassifier = classify) -> RetryPolicy:
        """As this, but not if any of these holds; takes and raises what `on` does."""
        decide, excluded = self._decide, _any(what, classifier)
        return RetryPolicy(
            lambda *seen: decide(*seen) and not excluded(*seen),
            f"{self._as_operand()}.unless({_shown(what, classifier)})",
        )

    def limit(self, count: int) -> RetryPolicy:
        """As this, but only while fewer than ``count`` retries of the request were made.

        All are counted, whichever part of a policy said so: after
        ``a.limit(2) | b.limit(3)``, a request is sent again at most three times.

        Raises:
            ValueError: ``count`` is negative.
            TypeError: ``count`` is not a whole number.
        """
        if index(count) < 0:
            raise ValueError(f"limit() needs a count of at least 0, not {count!r}")
        decide = self._decide
        return RetryPolicy(
            lambda request, outcome, retries: retries < count
            and decide(request, outcome, retries),
            f"{self._as_operand()}.limit({count!r})",
        )

    def if_safe(self) -> RetryPolicy:
        """As this, but only where it can do no harm, as with `when_safe`.

        That leaves reads; and writes that failed and are known not to have been carried
        out.  A write that was answered, with whatever response, may have been.  Of requests
        that wait for something to happen, it leaves those that never left: one that was
        parked may miss that when it is sent again.
        """
        decide = self._decide
        return RetryPolicy(
            lambda *seen: decide(*seen) and _safe(*seen), f"{self._as_operand()}.if_safe()"
        )

    def __or__(self, other: Policy) -> RetryPolicy:
        return _joined(self, "|", RetryPolicy.of(other))

    def __ror__(self, other: Policy) -> RetryPolicy:
        return _joined(RetryPolicy.of(other), "|", self)

    def __and__(self, other: Policy) -> RetryPolicy:
        return _joined(self, "&", RetryPolicy.of(other))

    def __rand__(self, other: Policy) -> RetryPolicy:
        return _joined(RetryPolicy.of(other), "&", self)

    def _as_operand(self, operator: str = ".") -> str:
        """The text as a part of a greater one, in brackets where it needs them."""
        plain = not self._joined_by or operator in ("|", self._joined_by)
        return self._text if plain else f"({self._text})"

    def __repr__(self) -> str:
        return self._text


def _joined(left: RetryPolicy, operator: str, right: RetryPolicy) -> RetryPolicy:
    one, other = left._decide, right._decide
    decide: _Decide = (
        (lambda *seen: one(*seen) or other(*seen))
        if operator == "|"
        else (lambda *seen: one(*seen) and other(*seen))
    )
    text = f"{left._as_operand(operator)} {operator} {right._as_operand(operator)}"
    return RetryPolicy(decide, text, operator)


def _any(what: tuple[Condition, ...], classifier: ResponseClassifier) -> _Decide:
    if not what:
        raise ValueError("name at least one condition: a class of exceptions, a ResponseClass, …")
    tests = [_test(each, classifier) for each in what]
    return lambda *seen: any(test(*seen) for test in tests)


def _test(what: Condition, classifier: ResponseClassifier) -> _Decide:
    if isinstance(what, ResponseClass):
        return lambda request, outcome, _: classifier(request, outcome) is what
    if isinstance(what, type) and issubclass(what, BaseException):
        return lambda _, outcome, __: isinstance(outcome, Failure) and isinstance(
            outcome.value, what
        )
    if isinstance(what, type) or not callable(what):
        raise TypeError(
            "a condition is a class of exceptions, a ResponseClass, or a function of a request "
            f"and an outcome, not {what!r}"
        )
    return RetryPolicy.of(what)._decide


def _safe(request: Any, outcome: Any, _: int) -> bool:
    if getattr(request, "long_poll", False) and not _never_left(outcome):
        return False
    if not getattr(request, "is_write", True):
        return True
    return isinstance(outcome, Failure) and not getattr(outcome.value, "possibly_applied", True)


def _never_left(outcome: Any) -> bool:
    error = outcome.value if isinstance(outcome, Failure) else None
    # With EndpointDown ends also a wait that was parked at an endpoint which has gone.
    return isinstance(error, (NotSent, Rejected)) and not isinstance(error, EndpointDown)


def _when_safe(request: Any, outcome: Any, retries: int) -> bool:
    # Most outcomes are responses, and every one passes here: the quick test comes first.
    return (
        isinstance(outcome, Failure)
        and classify(request, outcome) is ResponseClass.RETRYABLE
        and _safe(request, outcome, retries)
    )


#: The default policy of `Retry`: again only what can do no harm.
#:
#: That is a failure that is ``retryable``, of a request that either was never
#: sent or is a read.  A request that waits for something to happen is sent again
#: only if it never left, as `NotSent` says, and any `Rejected` but `EndpointDown`: one
#: that was parked may miss what it waited for.  It is
#: ``RetryPolicy.on(ResponseClass.RETRYABLE).if_safe()``.
when_safe = RetryPolicy(_when_safe, "when_safe")


def _shown(what: tuple[Condition, ...], classifier: ResponseClassifier) -> str:
    shown = [str(each) if isinstance(each, ResponseClass) else _name(each) for each in what]
    if classifier is not classify:
        shown.append(f"classifier={_name(classifier)}")
    return ", ".join(shown)


def _name(what: object) -> str:
    return getattr(what, "__name__", None) or repr(what)
