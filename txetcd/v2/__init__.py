"""etcd's v2 keys API, as a filter between operations and HTTP messages.

The protocol is described in etcd's ``Documentation/v2/api.md`` (tag v3.2.0).
"""

from txetcd.v2.health import ask_health
from txetcd.v2.keys import Keys
from txetcd.v2.members import AskMembers, Member, Members
from txetcd.v2.versions import Versions

__all__ = ["AskMembers", "Keys", "Member", "Members", "Versions", "ask_health"]
