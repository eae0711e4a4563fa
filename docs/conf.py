"""Sphinx configuration: see https://www.sphinx-doc.org/en/master/usage/configuration.html."""

import re
from importlib.metadata import version as _installed_version

import attrs
from docutils import nodes

project = "txetcd"
author = "The txetcd authors"
copyright = author
release = _installed_version("txetcd")
version = ".".join(release.split(".")[:2])

# No intersphinx: the build must need no network.  See ELSEWHERE below.
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build", "newsfragments"]

html_theme = "furo"
html_title = f"txetcd {release}"
html_static_path = ["_static"]
html_css_files = ["spacing.css"]

# A name in single backticks leads to what it names; one that leads nowhere is an error.
default_role = "any"
# Commands, output and pictures; Python says that it is Python.
highlight_language = "none"
nitpicky = True
nitpick_ignore_regex = [
    # What annotations mention: type variables, private parts, and the types of other projects.
    (r"py:.*", r"txetcd\.(\w+\.)*(T|S|Req\d?|Rep\d?|ReqIn|RepOut|ReqOut|RepIn)"),
    (r"py:.*", r"txetcd\.(\w+\.)*_\w+\.\w+"),
    (r"py:.*", r"(?!txetcd\.).*"),
]

add_module_names = False
python_use_unqualified_type_names = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# A default is shown as it is written, not as its repr.
autodoc_preserve_defaults = True

# "Args:", "Returns:", "Raises:".
napoleon_google_docstring = True
napoleon_numpy_docstring = False
# The signature shows the types of a class's attributes.
napoleon_attr_annotations = False

# Examples in docstrings are run as well, where a page shows the docstring.
doctest_test_doctest_blocks = "default"
# Those in docstrings use the names of their module.
doctest_global_setup = "\n".join(
    f"from {module} import *" for module in ("txetcd", "txetcd.filters", "txetcd.testing")
)

_PYTHON = "https://docs.python.org/3/library/"
_TWISTED = "https://docs.twisted.org/en/stable/api/"
_TREQ = "https://treq.readthedocs.io/en/latest/"

#: Where the names of other projects lead that our text mentions.
ELSEWHERE = {
    "bytes": _PYTHON + "stdtypes.html#bytes",
    "random": _PYTHON + "random.html",
    **{
        name: f"{_PYTHON}exceptions.html#{name}" for name in ("OSError", "TypeError", "ValueError")
    },
    "contextvars": _PYTHON + "contextvars.html",
    "asyncio": _PYTHON + "asyncio.html",
    "datetime.timedelta": _PYTHON + "datetime.html#datetime.timedelta",
    "random.Random": _PYTHON + "random.html#random.Random",
    "Deferred": _TWISTED + "twisted.internet.defer.Deferred.html",
    "CancelledError": _TWISTED + "twisted.internet.defer.CancelledError.html",
    "Failure": _TWISTED + "twisted.python.failure.Failure.html",
    "Application": _TWISTED + "twisted.application.service.html#Application",
    "SynchronousTestCase": _TWISTED + "twisted.trial.unittest.SynchronousTestCase.html",
    "task.Clock": _TWISTED + "twisted.internet.task.Clock.html",
    "task.react": _TWISTED + "twisted.internet.task.html#react",
    "Deferred.fromCoroutine": _TWISTED + "twisted.internet.defer.Deferred.html#fromCoroutine",
    "twisted.internet.defer.Deferred": _TWISTED + "twisted.internet.defer.Deferred.html",
    "twisted.internet.task.Clock": _TWISTED + "twisted.internet.task.Clock.html",
    "twisted.python.failure.Failure": _TWISTED + "twisted.python.failure.Failure.html",
    "treq.client.HTTPClient": _TREQ + "api.html#treq.client.HTTPClient",
    "treq.testing": _TREQ + "testing.html",
    "treq.testing.StubTreq": _TREQ + "api.html#treq.testing.StubTreq",
    "StubTreq": _TREQ + "api.html#treq.testing.StubTreq",
}


def _elsewhere(app, env, node, content):
    """A reference to a name that is none of ours, or to one of ours by its public path."""
    target = node.get("reftarget", "")
    if target in ELSEWHERE:
        return nodes.reference("", "", content, internal=False, refuri=ELSEWHERE[target])
    package, _, name = target.rpartition(".")
    if package != "txetcd":
        return None
    domain = env.domains.python_domain
    found = domain.resolve_any_xref(env, node["refdoc"], app.builder, name, node, content)
    return found[0][1] if len(found) == 1 else None


def _attrs_defaults(app, what, name, cls, options, signature, returned):
    """A signature that attrs wrote, with its defaults as values."""
    if not (signature and isinstance(cls, type) and attrs.has(cls)):
        return None
    fields = attrs.fields_dict(cls)

    def shown(match):
        return repr(fields[match[1]].default)

    signature = re.sub(r"attr_dict\['(\w+)'\]\.default", shown, signature)
    # A factory that is called for each instance.
    return signature.replace("= NOTHING", "= ..."), returned


def _no_type(app, what, name, value, options, lines):
    """Keeps napoleon from reading "This: that" in an attribute's docstring as a type."""
    if what in ("attribute", "data", "property") and lines:
        # It looks at the first line alone; this one is an empty comment.
        lines[:0] = ["..", ""]


def setup(app):
    """Add the above to Sphinx."""
    app.connect("autodoc-process-docstring", _no_type, priority=100)
    app.connect("missing-reference", _elsewhere)
    app.connect("autodoc-process-signature", _attrs_defaults)
