"""What can be wrong with the fields of a request."""

from __future__ import annotations

from tests.contract.script import Conversations
from tests.contract.sides import on_every_side


class Forms(Conversations):
    """Fields, right and wrong."""

    async def test_what_is_no_boolean(self):
        await self.converse(r'''
            GET /a?recursive=yes
            < 400 @none 209 (invalid value for "recursive") @none
            GET /a?sorted=
            < 400 @none 209 (invalid value for "sorted") @none
            GET /a?wait=2
            < 400 @none 209 (invalid value for "wait") @none
            GET /a?quorum=tRUE
            < 400 @none 209 (invalid value for "quorum") @none
            GET /a?stream=x
            < 400 @none 209 (invalid value for "stream") @none
            PUT /a dir=x
            < 400 @none 209 (invalid value for "dir") @none
            PUT /a prevExist=x
            < 400 @none 209 (invalid value for prevExist) @none
            PUT /a prevExist=
            < 400 @none 209 (invalid value for prevExist) @none
            PUT /a refresh=x
            < 400 @none 209 (invalid value for refresh) @none
            PUT /a noValueOnSuccess=x
            < 400 @none 209 (invalid value for "noValueOnSuccess") @none
            PUT /a dir=F&prevExist=f&refresh=0&noValueOnSuccess=FALSE
            < 201 @1 create /a="" m1 c1
            PUT /a dir=True&prevExist=T
            < 200 @2 update /a="" m2 c1 < /a="" m1 c1
        ''')

    async def test_what_is_no_index(self):
        await self.converse(r'''
            GET /a?wait=true&waitIndex=x
            < 400 @none 203 (invalid value for "waitIndex") @none
            GET /a?wait=true&waitIndex=
            < 400 @none 203 (invalid value for "waitIndex") @none
            GET /a?wait=true&waitIndex=-1
            < 400 @none 203 (invalid value for "waitIndex") @none
            GET /a?wait=true&waitIndex=%2B1
            < 400 @none 203 (invalid value for "waitIndex") @none
            GET /a?wait=true&waitIndex=1.0
            < 400 @none 203 (invalid value for "waitIndex") @none
            GET /a?wait=true&waitIndex=18446744073709551616
            < 400 @none 203 (invalid value for "waitIndex") @none
            w = GET /a?wait=true&waitIndex=18446744073709551615
            < parked 200 @0 nothing
            v = GET /a?wait=true&waitIndex=00000000000000000000000000000
            < parked 200 @0 nothing
            PUT /a prevIndex=x
            < 400 @none 203 (invalid value for "prevIndex") @none
            PUT /a prevIndex=
            < 400 @none 203 (invalid value for "prevIndex") @none
            PUT /a value=1&prevIndex=1_0
            < 400 @none 203 (invalid value for "prevIndex") @none
            DELETE /a?prevIndex=%D9%A1
            < 400 @none 203 (invalid value for "prevIndex") @none
        ''')

    async def test_what_is_no_ttl(self):
        await self.converse(r'''
            PUT /a ttl=x
            < 400 @none 202 (invalid value for "ttl") @none
            PUT /a ttl=-1
            < 400 @none 202 (invalid value for "ttl") @none
            PUT /a ttl=1.5
            < 400 @none 202 (invalid value for "ttl") @none
            PUT /a ttl=18446744073709551616
            < 400 @none 202 (invalid value for "ttl") @none
        ''')

    async def test_only_a_get_waits(self):
        await self.converse(r'''
            PUT /a?wait=true value=1
            < 400 @none 209 ("wait" can only be used with GET requests) @none
            POST /a wait=true
            < 400 @none 209 ("wait" can only be used with GET requests) @none
            DELETE /a?wait=true
            < 400 @none 209 ("wait" can only be used with GET requests) @none
        ''')

    async def test_the_first_that_is_wrong_is_told(self):
        await self.converse(r'''
            PUT /a prevIndex=x&waitIndex=x&recursive=x
            < 400 @none 203 (invalid value for "prevIndex") @none
            PUT /a wait=true&prevValue=&dir=x
            < 400 @none 209 (invalid value for "dir") @none
            PUT /a wait=true&prevValue=&ttl=x
            < 400 @none 209 ("wait" can only be used with GET requests) @none
            PUT /a prevValue=&ttl=x&noValueOnSuccess=x
            < 400 @none 201 ("prevValue" cannot be empty) @none
            PUT /a ttl=x&noValueOnSuccess=x
            < 400 @none 209 (invalid value for "noValueOnSuccess") @none
            PUT /a ttl=x&prevExist=x
            < 400 @none 202 (invalid value for "ttl") @none
            PUT /a refresh=x&prevExist=x
            < 400 @none 209 (invalid value for prevExist) @none
        ''')

    async def test_a_form_and_a_query_are_one_and_the_first_counts(self):
        await self.converse(r'''
            PUT /a?value=query value=form
            < 201 @1 set /a="form" m1 c1
            PUT /a?value=query ttl=
            < 200 @2 set /a="query" m2 c2 < /a="form" m1 c1
            PUT /a value=1&value=2
            < 200 @3 set /a="1" m3 c3 < /a="query" m2 c2
            PUT /a?dir=true value=1
            < 200 @4 set /a dir m4 c4 < /a="1" m3 c3
            GET /a?wait=false&wait=true
            < 200 @4 get /a dir m4 c4
            PUT /a?prevValue= prevValue=1&value=2
            < 403 @4 102 (/a) @4
            POST /q?value=query
            < 201 @5 create /q/@5="query" m5 c5
        ''')

    async def test_a_form_that_cannot_be_read(self):
        await self.converse(r'''
            PUT /a value=%zz
            < 400 @none 210 (invalid URL escape "%zz") @none
            PUT /a value=%
            < 400 @none 210 (invalid URL escape "%") @none
            PUT /a value=%4
            < 400 @none 210 (invalid URL escape "%4") @none
            PUT /a %zz=1
            < 400 @none 210 (invalid URL escape "%zz") @none
            PUT /a value=1%2
            < 400 @none 210 (invalid URL escape "%2") @none
            PUT /a value=%a"bc
            < 400 @none 210 (invalid URL escape "%a\"") @none
            GET /a?x=%zz
            < 400 @none 210 (invalid URL escape "%zz") @none
            GET /a
            < 404 @0 100 (/a) @0
        ''')

    async def test_a_form_is_read_as_it_is_written(self):
        await self.converse(r'''
            PUT /a value=a+b%2Bc
            < 201 @1 set /a="a b+c" m1 c1
            PUT /a value=a=b
            < 200 @2 set /a="a=b" m2 c2 < /a="a b+c" m1 c1
            PUT /a value
            < 200 @3 set /a="" m3 c3 < /a="a=b" m2 c2
            PUT /a &&value=1&
            < 200 @4 set /a="1" m4 c4 < /a="" m3 c3
            PUT /a v%61lue=1
            < 200 @5 set /a="1" m5 c5 < /a="1" m4 c4
            PUT /a VALUE=1
            < 200 @6 set /a="" m6 c6 < /a="1" m5 c5
            PUT /a unheard=of&value=1
            < 200 @7 set /a="1" m7 c7 < /a="" m6 c6
        ''')

    async def test_a_semicolon(self):
        await self.converse(r'''
            PUT /a value=a;b=c
            < 400 @none 210 (invalid semicolon separator in query) @none
            GET /a?x=;
            < 400 @none 210 (invalid semicolon separator in query) @none
        ''', other=True)
        await self.converse(r'''
            PUT /a value=a;dir=true
            < 201 @1 set /a dir m1 c1
            PUT /a value=a;b=c
            < 403 @1 102 (/a) @1
            GET /a?x=;
            < 200 @1 get /a dir m1 c1
        ''', other=False)

    async def test_a_body_of_another_type_is_not_read(self):
        await self.converse(r'''
            PUT /a value=1 [Content-Type: text/plain]
            < 201 @1 set /a="" m1 c1
            PUT /a value=1 [X-Nothing: of the kind]
            < 200 @2 set /a="" m2 c2 < /a="" m1 c1
            PUT /a value=1 [Content-Type: APPLICATION/x-www-form-urlencoded; charset=utf-8]
            < 200 @3 set /a="1" m3 c3 < /a="" m2 c2
            PUT /a value=2 [Content-Type: application/json]
            < 200 @4 set /a="" m4 c4 < /a="1" m3 c3
            PUT /a value=3 [Content-Type: ;]
            < 400 @none 210 (mime: no media type) @none
        ''')

    async def test_a_value_of_4_megabytes_is_taken_and_one_of_11_is_not(self):
        taken = await self.ask("PUT", "/a", form="value=" + "x" * (4 << 20))
        self.assertEqual((taken.status, len(taken.body) > 4 << 20), (201, True))
        await self.ask("DELETE", "/a")
        refused = await self.ask("PUT", "/a", form="value=" + "x" * (11 << 20))
        self.assertEqual(refused.status, 400)
        self.assertIn(b'"cause":"http: POST too large","index":0}', refused.body)


globals().update(on_every_side(Forms))
