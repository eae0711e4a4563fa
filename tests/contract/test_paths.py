"""Paths of keys, and other pages."""

from __future__ import annotations

import json

from tests.contract.script import Conversations
from tests.contract.sides import on_every_side


class Paths(Conversations):
    """Where things are."""

    async def test_odd_paths_are_moved_permanently(self):
        await self.converse(r'''
            GET //a
            < 301 Location: /v2/keys/a
            PUT //a value=1
            < 301 Location: /v2/keys/a
            GET /a/../b
            < 301 Location: /v2/keys/b
            PUT /a/./b?x=%20y value=1
            < 301 Location: /v2/keys/a/b?x=%20y
            GET /a%2F%2Fb?recursive=true&x="
            < 301 Location: /v2/keys/a/b?recursive=true&x="
            GET /a/%2e%2E/b//
            < 301 Location: /v2/keys/b/
            GET /../..
            < 301 Location: /
            GET /../keys/a
            < 301 Location: /v2/keys/a
            DELETE //a
            < 301 Location: /v2/keys/a
            GET !//v2/keys/a
            < 301 Location: /v2/keys/a
            GET /a//b%20%25%3F%23%C3%A4%3C
            < 301 Location: /v2/keys/a/b%20%25%3F%23%C3%A4%3C
            GET /a//!*'();:@,$~
            < 301 Location: /v2/keys/a/%21%2A%27%28%29;:@,$~
        ''')

    async def test_a_slash_at_the_end_is_dropped_and_one_that_is_escaped_separates(self):
        await self.converse(r'''
            PUT /a/ value=1
            < 201 @1 set /a="1" m1 c1
            GET /a
            < 200 @1 get /a="1" m1 c1
            GET /a%2F
            < 200 @1 get /a="1" m1 c1
            PUT /d%2Fe value=1
            < 201 @2 set /d/e="1" m2 c2
            GET /d/e
            < 200 @2 get /d/e="1" m2 c2
        ''')

    async def test_any_text_can_be_a_key(self):
        await self.converse(r'''
            PUT /d/%25%3F%23+%20%26%3B%22 value=1
            < 201 @1 set /d/%?#+ &;\"="1" m1 c1
            PUT /d/%00%0A value=1
            < 201 @2 set /d/\u0000\n="1" m2 c2
            GET /d?sorted=true
            < 200 @2 get /d dir m1 c1 [/d/\u0000\n="1" m2 c2, /d/%?#+ &;\"="1" m1 c1]
            GET /d/%25%3F%23+%20%26%3B%22
            < 200 @2 get /d/%?#+ &;\"="1" m1 c1
            PUT /e/%C3%A4%F0%9F%98%80 value=1
            < 201 @3 set /e/ä😀="1" m3 c3
            GET /e
            < 200 @3 get /e dir m3 c3 [/e/ä😀="1" m3 c3]
        ''')

    async def test_dots_are_no_part_of_a_path_only_if_there_are_one_or_two(self):
        await self.converse(r'''
            PUT /d/... value=1
            < 201 @1 set /d/...="1" m1 c1
            PUT /d/.x value=1
            < 201 @2 set /d/.x="1" m2 c2
            PUT /d/..y value=1
            < 201 @3 set /d/..y="1" m3 c3
            GET /d?sorted=true
            < 200 @3 get /d dir m1 c1 [/d/...="1" m1 c1, /d/..y="1" m3 c3, /d/.x="1" m2 c2]
        ''')

    async def test_a_key_that_is_not_utf_8_is_told_as_if_it_were(self):
        await self.converse(r'''
            PUT /d/%FF%C3 value=1
            < 201 @1 set /d/��="1" m1 c1
            GET /d
            < 200 @1 get /d dir m1 c1 [/d/��="1" m1 c1]
            GET /d/%FF%C3
            < 200 @1 get /d/��="1" m1 c1
            GET /d/%FE%C3
            < 404 @1 100 (/d/��) @1
        ''')

    async def test_pages_that_are_not_there(self):
        await self.converse(r'''
            GET !/
            < 404 (text/plain) b'404 page not found\n'
            GET !/v2
            < 404 (text/plain) b'404 page not found\n'
            GET !/v2/keysx
            < 404 (text/plain) b'404 page not found\n'
            PUT !/v2/nothing
            < 404 (text/plain) b'404 page not found\n'
            GET !/V2/keys
            < 404 (text/plain) b'404 page not found\n'
        ''')

    async def test_methods_that_are_not_allowed(self):
        await self.converse(r'''
            PATCH /a value=1
            < 405 (text/plain) Allow: HEAD,GET,PUT,POST,DELETE b'Method Not Allowed\n'
            TRACE /a
            < 405 (text/plain) Allow: HEAD,GET,PUT,POST,DELETE b'Method Not Allowed\n'
            OPTIONS /a
            < 200 (no type) b''
            PUT !/version
            < 405 (text/plain) Allow: GET b'Method Not Allowed\n'
            POST !/health
            < 405 (text/plain) Allow: GET b'Method Not Allowed\n'
        ''')

    async def test_members(self):
        answer = await self.page("/v2/members")
        (member,) = json.loads(answer.body)["members"]
        self.assertEqual(sorted(member), ["clientURLs", "id", "name", "peerURLs"])
        self.assertEqual(answer.headers["Content-Type"], "application/json")

    async def test_version_and_health(self):
        answer = await self.page("/version")
        self.assertEqual(sorted(json.loads(answer.body)), ["etcdcluster", "etcdserver"])
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        answer = await self.page("/health")
        self.assertEqual((answer.status, json.loads(answer.body)["health"]), (200, "true"))
        self.assertEqual(answer.headers["Content-Type"], "text/plain; charset=utf-8")


globals().update(on_every_side(Paths))
