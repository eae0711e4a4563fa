"""Waits: for what was, and for what will be."""

from __future__ import annotations

from tests.contract.script import Conversations
from tests.contract.sides import on_every_side
from tests.contract.words import in_words


class Waiting(Conversations):
    """What is waited for."""

    async def test_a_wait_is_told_the_index_when_it_began(self):
        await self.converse(r'''
            PUT /a value=1
            < 201 @1 set /a="1" m1 c1
            w = GET /a?wait=true
            < parked 200 @1 nothing
            PUT /b value=1
            < 201 @2 set /b="1" m2 c2
            PUT /a value=2
            < 200 @3 set /a="2" m3 c3 < /a="1" m1 c1
            w
            < 200 @1 set /a="2" m3 c3 < /a="1" m1 c1
        ''')

    async def test_a_wait_for_the_past_is_told_the_first_that_matches(self):
        await self.converse(r'''
            PUT /a value=1
            < 201 @1 set /a="1" m1 c1
            PUT /b value=1
            < 201 @2 set /b="1" m2 c2
            PUT /a value=2
            < 200 @3 set /a="2" m3 c3 < /a="1" m1 c1
            PUT /a value=3
            < 200 @4 set /a="3" m4 c4 < /a="2" m3 c3
            GET /a?wait=true&waitIndex=@1
            < 200 @4 set /a="1" m1 c1
            GET /a?wait=true&waitIndex=@2
            < 200 @4 set /a="2" m3 c3 < /a="1" m1 c1
            GET /a?wait=true&waitIndex=@4
            < 200 @4 set /a="3" m4 c4 < /a="2" m3 c3
            w = GET /a?wait=true&waitIndex=@5
            < parked 200 @4 nothing
            DELETE /a
            < 200 @5 delete /a m5 c4 < /a="3" m4 c4
            w
            < 200 @4 delete /a m5 c4 < /a="3" m4 c4
        ''')

    async def test_a_wait_for_the_future_passes_over_what_comes_before(self):
        await self.converse(r'''
            w = GET /a?wait=true&waitIndex=@3
            < parked 200 @0 nothing
            PUT /a value=1
            < 201 @1 set /a="1" m1 c1
            PUT /a value=2
            < 200 @2 set /a="2" m2 c2 < /a="1" m1 c1
            PUT /a value=3
            < 200 @3 set /a="3" m3 c3 < /a="2" m2 c2
            w
            < 200 @0 set /a="3" m3 c3 < /a="2" m2 c2
        ''')

    async def test_a_recursive_wait_is_told_of_what_is_below(self):
        await self.converse(r'''
            u = GET /d?wait=true
            < parked 200 @0 nothing
            v = GET /d?wait=true&recursive=true
            < parked 200 @0 nothing
            w = GET /?wait=true&recursive=true
            < parked 200 @0 nothing
            PUT /da value=1
            < 201 @1 set /da="1" m1 c1
            w
            < 200 @0 set /da="1" m1 c1
            PUT /d/e/f value=1
            < 201 @2 set /d/e/f="1" m2 c2
            v
            < 200 @0 set /d/e/f="1" m2 c2
            PUT /d value=1
            < 403 @2 102 (/d) @2
            DELETE /d?recursive=true
            < 200 @3 delete /d dir m3 c2 < /d dir m2 c2
            u
            < 200 @0 delete /d dir m3 c2 < /d dir m2 c2
            GET /d?wait=true&recursive=true&waitIndex=@1
            < 200 @3 set /d/e/f="1" m2 c2
            GET /?wait=true&recursive=true&waitIndex=@2
            < 200 @3 set /d/e/f="1" m2 c2
        ''')

    async def test_whoever_waits_on_a_child_is_told_that_a_parent_was_deleted(self):
        await self.converse(r'''
            PUT /d/e/f value=1
            < 201 @1 set /d/e/f="1" m1 c1
            u = GET /d/e/f?wait=true
            < parked 200 @1 nothing
            v = GET /d/e?wait=true&recursive=true
            < parked 200 @1 nothing
            w = GET /d/x?wait=true
            < parked 200 @1 nothing
            DELETE /d?recursive=true
            < 200 @2 delete /d dir m2 c1 < /d dir m1 c1
            u
            < 200 @1 delete /d dir m2 c1 < /d dir m1 c1
            v
            < 200 @1 delete /d dir m2 c1 < /d dir m1 c1
            GET /d/x?wait=true&waitIndex=@1
            < 200 @2 delete /d dir m2 c1 < /d dir m1 c1
            GET /d/e/f?wait=true&waitIndex=@2
            < 200 @2 delete /d dir m2 c1 < /d dir m1 c1
            PUT /d/x value=1
            < 201 @3 set /d/x="1" m3 c3
            w
            < 200 @1 set /d/x="1" m3 c3
        ''')

    async def test_a_scan_matches_what_merely_begins_as_a_deleted_directory_does(self):
        await self.converse(r'''
            PUT /d dir=true
            < 201 @1 set /d dir m1 c1
            PUT /f value=1
            < 201 @2 set /f="1" m2 c2
            w = GET /dfoo?wait=true
            < parked 200 @2 nothing
            DELETE /d?dir=true
            < 200 @3 delete /d dir m3 c1 < /d dir m1 c1
            DELETE /f
            < 200 @4 delete /f m4 c2 < /f="1" m2 c2
            GET /dfoo?wait=true&waitIndex=@2
            < 200 @4 delete /d dir m3 c1 < /d dir m1 c1
            v = GET /ffoo?wait=true&waitIndex=@2
            < parked 200 @4 nothing
            PUT /dfoo value=1
            < 201 @5 set /dfoo="1" m5 c5
            w
            < 200 @2 set /dfoo="1" m5 c5
        ''')

    async def test_hidden_keys_are_hidden_from_who_waits_and_not_from_who_scans(self):
        await self.converse(r'''
            v = GET /d?wait=true&recursive=true
            < parked 200 @0 nothing
            w = GET /d/_h?wait=true
            < parked 200 @0 nothing
            PUT /d/_h value=1
            < 201 @1 set /d/_h="1" m1 c1
            w
            < 200 @0 set /d/_h="1" m1 c1
            PUT /d/_g/a value=1
            < 201 @2 set /d/_g/a="1" m2 c2
            GET /d?wait=true&recursive=true&waitIndex=@1
            < 200 @2 set /d/_h="1" m1 c1
            GET /d?wait=true&recursive=true&waitIndex=@2
            < 200 @2 set /d/_g/a="1" m2 c2
            u = GET /d/_g?wait=true&recursive=true
            < parked 200 @2 nothing
            PUT /d/_g/b value=1
            < 201 @3 set /d/_g/b="1" m3 c3
            u
            < 200 @2 set /d/_g/b="1" m3 c3
            PUT /d/a value=1
            < 201 @4 set /d/a="1" m4 c4
            v
            < 200 @0 set /d/a="1" m4 c4
        ''')

    async def test_directories_that_are_made_on_the_way_are_told_to_nobody(self):
        await self.converse(r'''
            w = GET /d?wait=true
            < parked 200 @0 nothing
            PUT /d/e value=1
            < 201 @1 set /d/e="1" m1 c1
            v = GET /d?wait=true&waitIndex=@1
            < parked 200 @1 nothing
            DELETE /d?recursive=true
            < 200 @2 delete /d dir m2 c1 < /d dir m1 c1
            w
            < 200 @0 delete /d dir m2 c1 < /d dir m1 c1
            v
            < 200 @1 delete /d dir m2 c1 < /d dir m1 c1
        ''')

    async def test_every_kind_of_event(self):
        await self.converse(r'''
            PUT /a value=1
            < 201 @1 set /a="1" m1 c1
            PUT /a value=2&prevExist=true
            < 200 @2 update /a="2" m2 c1 < /a="1" m1 c1
            PUT /a value=3&prevValue=2
            < 200 @3 compareAndSwap /a="3" m3 c1 < /a="2" m2 c1
            DELETE /a?prevValue=3
            < 200 @4 compareAndDelete /a m4 c1 < /a="3" m3 c1
            PUT /a value=4&prevExist=false
            < 201 @5 create /a="4" m5 c5
            DELETE /a
            < 200 @6 delete /a m6 c5 < /a="4" m5 c5
            POST /a value=5
            < 201 @7 create /a/@7="5" m7 c7
            GET /a?wait=true&waitIndex=@1
            < 200 @7 set /a="1" m1 c1
            GET /a?wait=true&waitIndex=@2
            < 200 @7 update /a="2" m2 c1 < /a="1" m1 c1
            GET /a?wait=true&waitIndex=@3
            < 200 @7 compareAndSwap /a="3" m3 c1 < /a="2" m2 c1
            GET /a?wait=true&waitIndex=@4
            < 200 @7 compareAndDelete /a m4 c1 < /a="3" m3 c1
            GET /a?wait=true&waitIndex=@5
            < 200 @7 create /a="4" m5 c5
            GET /a?wait=true&waitIndex=@6
            < 200 @7 delete /a m6 c5 < /a="4" m5 c5
            GET /a?wait=true&waitIndex=@7&recursive=true
            < 200 @7 create /a/@7="5" m7 c7
        ''')

    async def test_all_who_wait_are_told(self):
        await self.converse(r'''
            u = GET /a?wait=true
            < parked 200 @0 nothing
            v = GET /a?wait=true
            < parked 200 @0 nothing
            w = GET /a?wait=true&recursive=true
            < parked 200 @0 nothing
            PUT /a value=1
            < 201 @1 set /a="1" m1 c1
            u
            < 200 @0 set /a="1" m1 c1
            v
            < 200 @0 set /a="1" m1 c1
            w
            < 200 @0 set /a="1" m1 c1
        ''')

    async def test_a_wait_in_a_loop_is_told_all(self):
        await self.converse(r'''
            w = GET /a?wait=true
            < parked 200 @0 nothing
            PUT /a value=1
            < 201 @1 set /a="1" m1 c1
            w
            < 200 @0 set /a="1" m1 c1
            PUT /a value=2
            < 200 @2 set /a="2" m2 c2 < /a="1" m1 c1
            GET /a?wait=true&waitIndex=@2
            < 200 @2 set /a="2" m2 c2 < /a="1" m1 c1
            w = GET /a?wait=true&waitIndex=@3
            < parked 200 @2 nothing
            PUT /a value=3
            < 200 @3 set /a="3" m3 c3 < /a="2" m2 c2
            w
            < 200 @2 set /a="3" m3 c3 < /a="2" m2 c2
        ''')

    async def test_a_wait_without_an_index_and_one_of_0_are_for_the_next(self):
        await self.converse(r'''
            PUT /a value=1
            < 201 @1 set /a="1" m1 c1
            v = GET /a?wait=true
            < parked 200 @1 nothing
            w = GET /a?wait=true&waitIndex=0
            < parked 200 @1 nothing
            PUT /a value=2
            < 200 @2 set /a="2" m2 c2 < /a="1" m1 c1
            v
            < 200 @1 set /a="2" m2 c2 < /a="1" m1 c1
            w
            < 200 @1 set /a="2" m2 c2 < /a="1" m1 c1
        ''')

    async def test_a_history_that_was_overrun_is_cleared(self):
        base = await self.index()
        for _ in range(1001):
            await self.ask("PUT", "/x", form="value=1")
        told = await self.ask("GET", "/y", f"wait=true&waitIndex={base + 1}")
        self.assertEqual(in_words(told, base), "400 @1001 401 (__) @1001".replace(
            "__", "the requested history has been cleared [@2/@1]"
        ))
        told = await self.ask("GET", "/x", f"wait=true&waitIndex={base + 2}")
        self.assertEqual(
            in_words(told, base), '200 @1001 set /x="1" m2 c2 < /x="1" m1 c1'
        )


globals().update(on_every_side(Waiting))
