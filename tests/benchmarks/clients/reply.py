"""Reading v2's JSON as a program does that has no client for it."""

from __future__ import annotations

from typing import Any

__all__ = ["contents", "keys_url"]


def keys_url(url: str, key: str) -> str:
    """The URL of a key."""
    return f"{url}/v2/keys{key}"


def contents(answer: Any) -> dict[str, str]:
    """The keys and values that a directory has."""
    return {node["key"]: node["value"] for node in answer["node"]["nodes"]}
