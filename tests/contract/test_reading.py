"""Gets: of files, of directories, of what is not there."""

from __future__ import annotations

from tests.contract.script import Conversations
from tests.contract.sides import on_every_side


class Reading(Conversations):
    """What is read."""

    async def test_a_file_a_directory_and_the_root(self):
        await self.converse(r'''
            GET /
            < 200 @0 get / dir
            PUT /a value=1
            < 201 @1 set /a="1" m1 c1
            PUT /d/e/f value=2
            < 201 @2 set /d/e/f="2" m2 c2
            GET /a
            < 200 @2 get /a="1" m1 c1
            GET /d
            < 200 @2 get /d dir m2 c2 [/d/e dir m2 c2]
            GET /d/
            < 200 @2 get /d dir m2 c2 [/d/e dir m2 c2]
            GET /d?recursive=true
            < 200 @2 get /d dir m2 c2 [/d/e dir m2 c2 [/d/e/f="2" m2 c2]]
            GET /d?recursive=1&sorted=t
            < 200 @2 get /d dir m2 c2 [/d/e dir m2 c2 [/d/e/f="2" m2 c2]]
            GET /?recursive=false&sorted=true
            < 200 @2 get / dir [/a="1" m1 c1, /d dir m2 c2]
            GET /?recursive=true&sorted=true
            < 200 @2 get / dir [/a="1" m1 c1, /d dir m2 c2 [/d/e dir m2 c2 [/d/e/f="2" m2 c2]]]
        ''')

    async def test_what_is_not_there(self):
        await self.converse(r'''
            PUT /a value=1
            < 201 @1 set /a="1" m1 c1
            PUT /d dir=true
            < 201 @2 set /d dir m2 c2
            GET /b
            < 404 @2 100 (/b) @2
            GET /d/x/y/z
            < 404 @2 100 (/d/x) @2
            GET /a/x/y
            < 400 @2 104 (/a) @2
            GET /b/c?recursive=true&sorted=true&quorum=true
            < 404 @2 100 (/b) @2
        ''')

    async def test_children_are_sorted_by_their_keys_if_that_is_asked_for(self):
        await self.converse(r'''
            PUT /d/b value=1
            < 201 @1 set /d/b="1" m1 c1
            PUT /d/B value=1
            < 201 @2 set /d/B="1" m2 c2
            PUT /d/%C3%A4 value=1
            < 201 @3 set /d/ä="1" m3 c3
            GET /d?sorted=true
            < 200 @3 get /d dir m1 c1 [/d/B="1" m2 c2, /d/b="1" m1 c1, /d/ä="1" m3 c3]
        ''')

    async def test_hidden_keys_are_shown_only_to_who_asks_for_them(self):
        await self.converse(r'''
            PUT /d/_h value=1
            < 201 @1 set /d/_h="1" m1 c1
            PUT /d/_g/x value=1
            < 201 @2 set /d/_g/x="1" m2 c2
            PUT /d/a/_h value=1
            < 201 @3 set /d/a/_h="1" m3 c3
            GET /d?recursive=true
            < 200 @3 get /d dir m1 c1 [/d/a dir m3 c3]
            GET /d/a
            < 200 @3 get /d/a dir m3 c3
            GET /d/_h
            < 200 @3 get /d/_h="1" m1 c1
            GET /d/_g
            < 200 @3 get /d/_g dir m2 c2 [/d/_g/x="1" m2 c2]
        ''')

    async def test_a_quorum_changes_nothing_if_there_is_one(self):
        await self.converse(r'''
            PUT /d/a value=1
            < 201 @1 set /d/a="1" m1 c1
            GET /d?quorum=true
            < 200 @1 get /d dir m1 c1 [/d/a="1" m1 c1]
            GET /d/a?quorum=true&wait=true
            < 200 @1 get /d/a="1" m1 c1
            GET /x?quorum=true
            < 404 @1 100 (/x) @1
        ''')

    async def test_a_head_has_no_body(self):
        await self.converse(r'''
            PUT /a value=1
            < 201 @1 set /a="1" m1 c1
            HEAD /a
            < 200 0 bytes
            HEAD /b
            < 404 0 bytes
            HEAD /a?wait=true
            < 400 0 bytes
        ''')

    async def test_an_empty_value_is_shown_and_an_empty_directory_has_no_children(self):
        await self.converse(r'''
            PUT /a value=
            < 201 @1 set /a="" m1 c1
            PUT /d dir=true
            < 201 @2 set /d dir m2 c2
            PUT /e/_h dir=true
            < 201 @3 set /e/_h dir m3 c3
            GET /a
            < 200 @3 get /a="" m1 c1
            GET /d?recursive=true
            < 200 @3 get /d dir m2 c2
            GET /e?recursive=true
            < 200 @3 get /e dir m3 c3
        ''')

    async def test_a_deep_tree(self):
        deep = "/d" * 400
        base = await self.index()
        await self.converse(rf'''
            PUT {deep} value=1
            < 201 @1 set {deep}="1" m1 c1
        ''')
        read = await self.ask("GET", "/d", "recursive=true")
        self.assertEqual(read.body.count(b'"dir":true'), 399)
        self.assertEqual(read.body.count(b'"createdIndex":%d' % (base + 1)), 400)


globals().update(on_every_side(Reading))
