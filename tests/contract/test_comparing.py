"""Compare and swap, compare and delete; and deletions without conditions."""

from __future__ import annotations

from tests.contract.script import Conversations
from tests.contract.sides import on_every_side


class Comparing(Conversations):
    """What is done if something else is so."""

    async def test_a_value_is_compared(self):
        await self.converse(r'''
            PUT /a value=one
            < 201 @1 set /a="one" m1 c1
            PUT /a value=two&prevValue=nine
            < 412 @1 101 ([nine != one]) @1
            PUT /a value=two&prevValue=one
            < 200 @2 compareAndSwap /a="two" m2 c1 < /a="one" m1 c1
            PUT /a value=3&prevValue=two&prevExist=true
            < 200 @3 compareAndSwap /a="3" m3 c1 < /a="two" m2 c1
            PUT /a value=4&prevValue=
            < 400 @none 201 ("prevValue" cannot be empty) @none
            PUT /b value=4&prevValue=one
            < 404 @3 100 (/b) @3
            PUT /a value=9&prevValue=nine&prevExist=false
            < 412 @3 105 (/a) @3
        ''')

    async def test_an_index_is_compared(self):
        await self.converse(r'''
            PUT /a value=1
            < 201 @1 set /a="1" m1 c1
            PUT /b value=1
            < 201 @2 set /b="1" m2 c2
            PUT /a value=2&prevIndex=@2
            < 412 @2 101 ([@2 != @1]) @2
            PUT /a value=2&prevIndex=@1
            < 200 @3 compareAndSwap /a="2" m3 c1 < /a="1" m1 c1
            PUT /a value=3&prevIndex=@3&prevExist=true
            < 200 @4 compareAndSwap /a="3" m4 c1 < /a="2" m3 c1
            PUT /x value=1&prevIndex=@1
            < 404 @4 100 (/x) @4
        ''')

    async def test_an_index_of_0_is_no_condition(self):
        await self.converse(r'''
            PUT /a value=1&prevIndex=0
            < 201 @1 set /a="1" m1 c1
            PUT /a value=2&prevIndex=0
            < 200 @2 set /a="2" m2 c2 < /a="1" m1 c1
            PUT /a value=3&prevIndex=0&prevExist=true
            < 200 @3 update /a="3" m3 c2 < /a="2" m2 c2
        ''')

    async def test_both_are_compared(self):
        await self.converse(r'''
            PUT /a value=one
            < 201 @1 set /a="one" m1 c1
            PUT /a value=2&prevIndex=@2&prevValue=two
            < 412 @1 101 ([two != one] [@2 != @1]) @1
            PUT /a value=2&prevIndex=@1&prevValue=two
            < 412 @1 101 ([two != one]) @1
            PUT /a value=2&prevIndex=@2&prevValue=one
            < 412 @1 101 ([@2 != @1]) @1
            PUT /a value=2&prevIndex=@1&prevValue=one
            < 200 @2 compareAndSwap /a="2" m2 c1 < /a="one" m1 c1
            DELETE /a?prevIndex=@3&prevValue=two
            < 412 @2 101 ([two != 2] [@3 != @2]) @2
            DELETE /a?prevIndex=@2&prevValue=2
            < 200 @3 compareAndDelete /a m3 c1 < /a="2" m2 c1
        ''')

    async def test_a_directory_cannot_be_compared(self):
        await self.converse(r'''
            PUT /d dir=true
            < 201 @1 set /d dir m1 c1
            PUT /d value=1&prevValue=1
            < 403 @1 102 (/d) @1
            PUT /d value=1&prevIndex=@1
            < 403 @1 102 (/d) @1
            DELETE /d?prevIndex=@1
            < 403 @1 102 (/d) @1
            DELETE /d?prevIndex=@1&dir=true&recursive=true
            < 403 @1 102 (/d) @1
        ''')

    async def test_what_is_deleted_is_compared(self):
        await self.converse(r'''
            PUT /a value=one
            < 201 @1 set /a="one" m1 c1
            DELETE /a?prevValue=two
            < 412 @1 101 ([two != one]) @1
            DELETE /a?prevIndex=@7
            < 412 @1 101 ([@7 != @1]) @1
            DELETE /a?prevValue=
            < 400 @none 201 ("prevValue" cannot be empty) @none
            DELETE /a?prevValue=one
            < 200 @2 compareAndDelete /a m2 c1 < /a="one" m1 c1
            PUT /a value=one
            < 201 @3 set /a="one" m3 c3
            DELETE /a?prevIndex=@3
            < 200 @4 compareAndDelete /a m4 c3 < /a="one" m3 c3
            DELETE /a?prevIndex=@3
            < 404 @4 100 (/a) @4
            PUT /a value=one
            < 201 @5 set /a="one" m5 c5
            DELETE /a?prevIndex=0
            < 200 @6 delete /a m6 c5 < /a="one" m5 c5
        ''')

    async def test_a_file_is_deleted(self):
        await self.converse(r'''
            PUT /a value=1
            < 201 @1 set /a="1" m1 c1
            DELETE /a
            < 200 @2 delete /a m2 c1 < /a="1" m1 c1
            DELETE /a
            < 404 @2 100 (/a) @2
            PUT /a value=1
            < 201 @3 set /a="1" m3 c3
            DELETE /a?recursive=true&dir=true
            < 200 @4 delete /a m4 c3 < /a="1" m3 c3
            PUT /a value=1
            < 201 @5 set /a="1" m5 c5
            DELETE /a?prevExist=false&value=2
            < 200 @6 delete /a m6 c5 < /a="1" m5 c5
        ''')

    async def test_a_directory_is_deleted_if_that_is_asked_for(self):
        await self.converse(r'''
            PUT /d dir=true
            < 201 @1 set /d dir m1 c1
            DELETE /d
            < 403 @1 102 (/d) @1
            DELETE /d?dir=true
            < 200 @2 delete /d dir m2 c1 < /d dir m1 c1
            PUT /d/_h value=1
            < 201 @3 set /d/_h="1" m3 c3
            DELETE /d?dir=true
            < 403 @3 108 (/d) @3
            DELETE /d
            < 403 @3 102 (/d) @3
            DELETE /d?recursive=true
            < 200 @4 delete /d dir m4 c3 < /d dir m3 c3
            GET /d
            < 404 @4 100 (/d) @4
        ''')

    async def test_the_body_of_a_deletion_is_not_read(self):
        await self.converse(r'''
            PUT /d dir=true
            < 201 @1 set /d dir m1 c1
            DELETE /d dir=true
            < 403 @1 102 (/d) @1
        ''')


globals().update(on_every_side(Comparing))
