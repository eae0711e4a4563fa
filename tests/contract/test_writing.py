"""Puts and posts without conditions, and those that the key be there or not."""

from __future__ import annotations

from tests.contract.script import Conversations
from tests.contract.sides import on_every_side


class Writing(Conversations):
    """What is written."""

    async def test_a_value_is_set_and_set_again(self):
        await self.converse(r'''
            PUT /a value=1
            < 201 @1 set /a="1" m1 c1
            PUT /a value=2
            < 200 @2 set /a="2" m2 c2 < /a="1" m1 c1
            PUT /a value=
            < 200 @3 set /a="" m3 c3 < /a="2" m2 c2
            PUT /a
            < 200 @4 set /a="" m4 c4 < /a="" m3 c3
            PUT /d/e/f value=1
            < 201 @5 set /d/e/f="1" m5 c5
            GET /d?recursive=true
            < 200 @5 get /d dir m5 c5 [/d/e dir m5 c5 [/d/e/f="1" m5 c5]]
        ''')

    async def test_a_directory_is_made(self):
        await self.converse(r'''
            PUT /d dir=true
            < 201 @1 set /d dir m1 c1
            PUT /d dir=true
            < 403 @1 102 (/d) @1
            PUT /d value=1
            < 403 @1 102 (/d) @1
            PUT /d/e dir=true&value=ignored
            < 201 @2 set /d/e dir m2 c2
            GET /d/e
            < 200 @2 get /d/e dir m2 c2
        ''')

    async def test_a_directory_takes_the_place_of_a_file(self):
        await self.converse(r'''
            PUT /a value=1
            < 201 @1 set /a="1" m1 c1
            PUT /a dir=true
            < 200 @2 set /a dir m2 c2 < /a="1" m1 c1
            GET /a
            < 200 @2 get /a dir m2 c2
        ''')

    async def test_nothing_is_made_below_a_file(self):
        await self.converse(r'''
            PUT /a value=1
            < 201 @1 set /a="1" m1 c1
            PUT /a/b value=1
            < 400 @1 104 (/a) @1
            PUT /a/b/c value=1&prevExist=false
            < 400 @1 104 (/a) @1
            PUT /a/b value=1&prevExist=true
            < 400 @1 104 (/a) @1
            POST /a value=1
            < 400 @1 104 (/a) @1
            DELETE /a/b
            < 400 @1 104 (/a) @1
            GET /?recursive=true
            < 200 @1 get / dir [/a="1" m1 c1]
        ''')

    async def test_a_key_that_must_not_be_there(self):
        await self.converse(r'''
            PUT /a value=1&prevExist=false
            < 201 @1 create /a="1" m1 c1
            PUT /a value=2&prevExist=false
            < 412 @1 105 (/a) @1
            PUT /d dir=true&prevExist=false
            < 201 @2 create /d dir m2 c2
            PUT /d dir=true&prevExist=false
            < 412 @2 105 (/d) @2
            PUT /d value=1&prevExist=false
            < 412 @2 105 (/d) @2
            GET /?recursive=true
            < 200 @2 get / dir [/a="1" m1 c1, /d dir m2 c2]
        ''')

    async def test_a_key_that_must_be_there(self):
        await self.converse(r'''
            PUT /a value=1&prevExist=true
            < 404 @0 100 (/a) @0
            PUT /a value=1
            < 201 @1 set /a="1" m1 c1
            PUT /a value=2&prevExist=true
            < 200 @2 update /a="2" m2 c1 < /a="1" m1 c1
            PUT /a prevExist=true
            < 200 @3 update /a="" m3 c1 < /a="2" m2 c1
            GET /a
            < 200 @3 get /a="" m3 c1
            PUT /d dir=true
            < 201 @4 set /d dir m4 c4
            PUT /d value=1&prevExist=true
            < 403 @4 102 (/d) @4
            PUT /d/e value=1&prevExist=true
            < 404 @4 100 (/d/e) @4
        ''')

    async def test_keys_in_order_are_named_for_the_index(self):
        await self.converse(r'''
            POST /q value=1
            < 201 @1 create /q/@1="1" m1 c1
            PUT /a value=1
            < 201 @2 set /a="1" m2 c2
            POST /q dir=true
            < 201 @3 create /q/@3 dir m3 c3
            POST /q value=3&prevExist=false&prevIndex=7
            < 201 @4 create /q/@4="3" m4 c4
            GET /q?sorted=true
            < 200 @4 get /q dir m1 c1 [/q/@1="1" m1 c1, /q/@3 dir m3 c3, /q/@4="3" m4 c4]
            POST / value=1
            < 201 @5 create /@5="1" m5 c5
        ''')

    async def test_the_root_cannot_be_written(self):
        await self.converse(r'''
            PUT / value=1
            < 400 @0 107 (/) @0
            PUT / dir=true
            < 400 @0 107 (/) @0
            PUT / value=1&prevExist=true
            < 400 @0 107 (/) @0
            PUT / value=1&prevExist=false
            < 400 @0 107 (/) @0
            PUT / value=1&prevIndex=1
            < 400 @0 107 (/) @0
            PUT / ttl=5&refresh=true
            < 400 @0 107 (/) @0
            DELETE /?recursive=true
            < 400 @0 107 (/) @0
            DELETE /?prevIndex=1
            < 403 @0 102 () @0
        ''')

    async def test_a_success_is_told_without_its_node_if_that_is_asked_for(self):
        await self.converse(r'''
            PUT /a value=1&noValueOnSuccess=true
            < 201 @1 set
            PUT /a?noValueOnSuccess=true value=2
            < 200 @2 set
            PUT /a value=three&prevExist=true&noValueOnSuccess=true
            < 200 @3 update
            PUT /a value=4&prevValue=three&noValueOnSuccess=true
            < 200 @4 compareAndSwap
            PUT /a value=4&prevValue=three&noValueOnSuccess=true
            < 412 @4 101 ([three != 4]) @4
            POST /q value=1&noValueOnSuccess=true
            < 201 @5 create
            GET /a?noValueOnSuccess=true
            < 200 @5 get /a="4" m4 c2
            DELETE /a?noValueOnSuccess=true
            < 200 @6 delete /a m6 c2 < /a="4" m4 c2
        ''')

    async def test_any_text_can_be_a_value(self):
        await self.converse(r'''
            PUT /a value=%22%5C%0A%0D%09%00%1F%7F%3C%26%3E
            < 201 @1 set /a="\"\\\n\r\t\u0000\u001f\u007f<&>" m1 c1
            PUT /b value=%E2%80%A8%C3%A4%F0%9F%98%80+%2B
            < 201 @2 set /b="\u2028\u00e4\ud83d\ude00 +" m2 c2
            PUT /c value=a%C3%28%ED%A0%80%FFb
            < 201 @3 set /c="a\ufffd(\ufffd\ufffd\ufffd\ufffdb" m3 c3
        ''')

    async def test_what_is_not_utf_8_is_compared_as_it_is(self):
        await self.converse(r'''
            PUT /a value=%FF
            < 201 @1 set /a="\ufffd" m1 c1
            PUT /a value=1&prevValue=%FE
            < 412 @1 101 ([� != �]) @1
            PUT /a value=1&prevValue=%FF
            < 200 @2 compareAndSwap /a="1" m2 c1 < /a="\ufffd" m1 c1
        ''')


globals().update(on_every_side(Writing))
