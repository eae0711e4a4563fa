"""Leases: given, taken away, refreshed and ended."""

from __future__ import annotations

from tests.contract.script import Conversations
from tests.contract.sides import on_every_side


class Leases(Conversations):
    """How long keys live."""

    async def test_a_lease_is_given_and_taken_away(self):
        await self.converse(r'''
            PUT /a value=1&ttl=100
            < 201 @1 set /a="1" ttl=100 m1 c1
            GET /a
            < 200 @1 get /a="1" ttl=100 m1 c1
            PUT /a value=2
            < 200 @2 set /a="2" m2 c2 < /a="1" ttl=100 m1 c1
            PUT /a value=3&ttl=
            < 200 @3 set /a="3" m3 c3 < /a="2" m2 c2
            PUT /a value=4&ttl=50&prevExist=true
            < 200 @4 update /a="4" ttl=50 m4 c3 < /a="3" m3 c3
            PUT /a value=5&prevExist=true
            < 200 @5 update /a="5" m5 c3 < /a="4" ttl=50 m4 c3
            PUT /a value=6&ttl=50&prevValue=5
            < 200 @6 compareAndSwap /a="6" ttl=50 m6 c3 < /a="5" m5 c3
            PUT /a value=7&prevValue=6&ttl=
            < 200 @7 compareAndSwap /a="7" m7 c3 < /a="6" ttl=50 m6 c3
            PUT /d dir=true&ttl=100
            < 201 @8 set /d dir ttl=100 m8 c8
            PUT /d/a value=1&ttl=200
            < 201 @9 set /d/a="1" ttl=200 m9 c9
            GET /d
            < 200 @9 get /d dir ttl=100 m8 c8 [/d/a="1" ttl=200 m9 c9]
            POST /q value=1&ttl=100
            < 201 @10 create /q/@10="1" ttl=100 m10 c10
        ''')

    async def test_what_has_expired_is_gone_and_that_is_told(self):
        await self.converse(r'''
            PUT /a value=1&ttl=1
            < 201 @1 set /a="1" ttl=1 m1 c1
            w = GET /a?wait=true
            < parked 200 @1 nothing
            later 2
            w
            < 200 @1 expire /a m2 c1 < /a="1" ttl=0 m1 c1
            GET /a
            < 404 @2 100 (/a) @2
            GET /a?wait=true&waitIndex=@2
            < 200 @2 expire /a m2 c1 < /a="1" ttl=0 m1 c1
        ''')

    async def test_a_directory_expires_with_what_is_in_it(self):
        await self.converse(r'''
            PUT /d dir=true&ttl=1
            < 201 @1 set /d dir ttl=1 m1 c1
            PUT /d/a value=1
            < 201 @2 set /d/a="1" m2 c2
            PUT /d/b value=1&ttl=100
            < 201 @3 set /d/b="1" ttl=100 m3 c3
            v = GET /d/a?wait=true
            < parked 200 @3 nothing
            w = GET /d?wait=true&recursive=true
            < parked 200 @3 nothing
            later 2
            v
            < 200 @3 expire /d dir m4 c1 < /d dir ttl=0 m1 c1
            w
            < 200 @3 expire /d dir m4 c1 < /d dir ttl=0 m1 c1
            GET /d/b
            < 404 @4 100 (/d) @4
            GET /d/x?wait=true&waitIndex=@4
            < 200 @4 expire /d dir m4 c1 < /d dir ttl=0 m1 c1
        ''')

    async def test_a_lease_of_no_time_ends_at_once(self):
        await self.converse(r'''
            PUT /a value=1&ttl=0
            < 201 @1 set /a="1" ttl=0 m1 c1
            later 1
            GET /a
            < 404 @2 100 (/a) @2
        ''')

    async def test_a_lease_that_was_changed_ends_when_it_says(self):
        await self.converse(r'''
            PUT /a value=1&ttl=1
            < 201 @1 set /a="1" ttl=1 m1 c1
            PUT /a value=2&ttl=100
            < 200 @2 set /a="2" ttl=100 m2 c2 < /a="1" ttl=1 m1 c1
            PUT /b value=1&ttl=1
            < 201 @3 set /b="1" ttl=1 m3 c3
            PUT /b value=2
            < 200 @4 set /b="2" m4 c4 < /b="1" ttl=1 m3 c3
            PUT /c value=1&ttl=1
            < 201 @5 set /c="1" ttl=1 m5 c5
            PUT /c ttl=100&prevExist=true&refresh=true
            < 200 @6 update /c="1" ttl=100 m6 c5 < /c="1" ttl=1 m5 c5
            PUT /d value=1&ttl=1
            < 201 @7 set /d="1" ttl=1 m7 c7
            DELETE /d
            < 200 @8 delete /d m8 c7 < /d="1" ttl=1 m7 c7
            PUT /d value=2
            < 201 @9 set /d="2" m9 c9
            later 2
            GET /a
            < 200 @9 get /a="2" ttl=98 m2 c2
            GET /b
            < 200 @9 get /b="2" m4 c4
            GET /c
            < 200 @9 get /c="1" ttl=98 m6 c5
            GET /d
            < 200 @9 get /d="2" m9 c9
        ''')

    async def test_a_refresh_is_told_to_nobody_and_yet_counts(self):
        await self.converse(r'''
            PUT /a value=1&ttl=100
            < 201 @1 set /a="1" ttl=100 m1 c1
            w = GET /a?wait=true
            < parked 200 @1 nothing
            PUT /a ttl=50&refresh=true&prevExist=true
            < 200 @2 update /a="1" ttl=50 m2 c1 < /a="1" ttl=100 m1 c1
            PUT /a ttl=60&refresh=true
            < 200 @3 set /a="1" ttl=60 m3 c3 < /a="1" ttl=50 m2 c1
            PUT /a ttl=70&refresh=true&prevValue=1
            < 200 @4 compareAndSwap /a="1" ttl=70 m4 c3 < /a="1" ttl=60 m3 c3
            GET /a
            < 200 @4 get /a="1" ttl=70 m4 c3
            PUT /a value=2
            < 200 @5 set /a="2" m5 c5 < /a="1" ttl=70 m4 c3
            w
            < 200 @1 set /a="2" m5 c5 < /a="1" ttl=70 m4 c3
            GET /a?wait=true&waitIndex=@2
            < 200 @5 set /a="2" m5 c5 < /a="1" ttl=70 m4 c3
        ''')

    async def test_what_a_refresh_needs(self):
        await self.converse(r'''
            PUT /a ttl=50&refresh=true
            < 404 @0 100 (/a) @0
            PUT /a ttl=50&refresh=true&prevExist=true
            < 404 @0 100 (/a) @0
            PUT /a value=1
            < 201 @1 set /a="1" m1 c1
            PUT /a refresh=true
            < 400 @none 212 (No TTL value set) @none
            PUT /a value=1&refresh=true
            < 400 @none 211 (A value was provided on a refresh) @none
            PUT /a value=1&refresh=true&ttl=5
            < 400 @none 211 (A value was provided on a refresh) @none
            PUT /a value=&refresh=true&ttl=5
            < 200 @2 set /a="1" ttl=5 m2 c2 < /a="1" m1 c1
            PUT /a value=2&refresh=false&ttl=5
            < 200 @3 set /a="2" ttl=5 m3 c3 < /a="1" ttl=5 m2 c2
            PUT /b refresh=true&ttl=5&prevExist=false
            < 201 @4 create /b="" ttl=5 m4 c4
            PUT /d dir=true
            < 201 @5 set /d dir m5 c5
            PUT /d refresh=true&ttl=5
            < 403 @5 102 (/d) @5
            PUT /d refresh=true&ttl=5&dir=true
            < 403 @5 102 (/d) @5
        ''')

    async def test_a_lease_of_very_long(self):
        await self.converse(r'''
            PUT /a value=1&ttl=7000000000
            < 201 @1 set /a="1" ttl=7000000000 m1 c1
            PUT /a value=1&ttl=9000000000
            < 200 @2 set /a="1" m2 c2 < /a="1" ttl=7000000000 m1 c1
            PUT /a value=1&ttl=18446744073709551615
            < 200 @3 set /a="1" ttl=-1 m3 c3 < /a="1" m2 c2
            later 1
            GET /a
            < 404 @4 100 (/a) @4
            PUT /a value=1&ttl=9000000000&prevExist=true
            < 404 @4 100 (/a) @4
            later 1
            GET /a
            < 404 @4 100 (/a) @4
        ''')

    async def test_a_directory_that_is_there_is_given_no_lease(self):
        await self.converse(r'''
            PUT /d dir=true
            < 201 @1 set /d dir m1 c1
            PUT /d ttl=50&prevExist=true
            < 500 @none 300 (nodePath /1/d : Not a file ()) @none
            PUT /d prevExist=true
            < 500 @none 300 (nodePath /1/d : Not a file ()) @none
            GET /d
            < 200 @1 get /d dir m1 c1
        ''', other=False)

    async def test_a_directory_that_is_there_is_given_a_lease(self):
        await self.converse(r'''
            PUT /d dir=true
            < 201 @1 set /d dir m1 c1
            PUT /d ttl=50&prevExist=true
            < 200 @2 update /d dir ttl=50 m2 c1 < /d dir m1 c1
            PUT /d ttl=60&prevExist=true&refresh=true
            < 200 @3 update /d dir ttl=60 m3 c1 < /d dir ttl=50 m1 c1
            PUT /d prevExist=true
            < 200 @4 update /d dir m4 c1 < /d dir ttl=60 m1 c1
            GET /d
            < 200 @4 get /d dir m1 c1
        ''', other=True)


globals().update(on_every_side(Leases))
