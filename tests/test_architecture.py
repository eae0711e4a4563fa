"""The shape of the package: which module may import which, and what the files are called.

The direction of imports is written as contracts in ``setup.cfg``, under ``importlinter``. What
those cannot say is said here. Each rule is also shown to fail where it should, since a check that
cannot fail checks nothing.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "txetcd"

#: Importing a reactor installs it for the whole process, so that is left to whoever runs one.
MAY_IMPORT_THE_REACTOR = ("cli/", "client/reactor.py", "testing/")

#: Words that say nothing of what is in the file, in the singular or the plural.
FORBIDDEN_WORDS = {"handler", "helper", "manager", "misc", "util"}

#: One import for each contract in ``setup.cfg`` that it breaks.
PLANTED = {
    "A module imports only from a lower level": ("txetcd.errors", "txetcd.service"),
    "Filters, HTTP and the model do not know each other": (
        "txetcd.model.planted",
        "txetcd.http.message",
    ),
    "Protocols do not import transports": ("txetcd.v2.planted", "txetcd.http.treq"),
    "The HTTP parser knows no connection": ("txetcd.http.h1.planted", "txetcd.http.connection"),
    "Keys and recipes see only services of operations": (
        "txetcd.keys.planted",
        "txetcd.v2.planted",
    ),
    "Only the command imports the test support": ("txetcd", "txetcd.testing"),
}


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def lint(tree: Path) -> tuple[int, str]:
    """Check the contracts of a copy of the project.

    In a process of its own: the linter looks for the package on the path, and in this process
    ``txetcd`` is imported already, from the real tree.

    Returns:
        The exit status, and all that was printed.
    """
    program = (
        "import sys\n"
        "from importlinter.cli import lint_imports\n"
        "sys.exit(lint_imports(config_filename='setup.cfg', no_cache=True))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tree,
        # Wide, so that no line which a test looks for is folded.
        env={**os.environ, "COLUMNS": "300", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return done.returncode, done.stdout


def copy_of_the_project(destination: Path) -> Path:
    shutil.copytree(PACKAGE, destination / "txetcd", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.cfg", destination)
    return destination


def file_of(tree: Path, module: str) -> Path:
    """The file of a module, made if it is not there, with the packages it is in."""
    parts = module.split(".")
    for depth in range(1, len(parts)):
        package = tree.joinpath(*parts[:depth])
        package.mkdir(exist_ok=True)
        (package / "__init__.py").touch()
    path = tree.joinpath(*parts)
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    path.touch()
    return path


def plant(tree: Path, importer: str, imported: str) -> None:
    file_of(tree, imported)
    with file_of(tree, importer).open("a") as file:
        file.write(f"\nimport {imported}\n")


def imports_the_reactor(source: str) -> bool:
    """Whether a source imports the global reactor, at the top or inside a function."""
    return "twisted.internet.reactor" in set(imported_names(ast.parse(source)))


def imported_names(tree: ast.AST) -> Iterator[str]:
    """Every name that may be a module: ``from a import b`` imports ``a``, and perhaps ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def forbidden_names(tree: Path) -> list[str]:
    """The files and folders under ``tree``, one of whose words is forbidden."""
    folders = {path.parent for path in modules(tree)} - {tree}
    return [
        path.relative_to(tree).as_posix()
        for path in sorted(folders.union(modules(tree)))
        if FORBIDDEN_WORDS.intersection(
            word.removesuffix("s") for word in re.split(r"[_\W]+", path.stem.lower())
        )
    ]


class ImportContractTests(SynchronousTestCase):
    def test_the_package_keeps_every_contract(self):
        status, output = lint(ROOT)
        self.assertEqual(status, 0, output)

    def test_each_contract_can_fail(self):
        tree = Path(self.mktemp())
        tree.mkdir()
        copy_of_the_project(tree)
        for importer, imported in PLANTED.values():
            plant(tree, importer, imported)

        status, output = lint(tree)

        self.assertEqual(status, 1, output)
        for contract, (importer, imported) in PLANTED.items():
            self.assertRegex(output, f"{re.escape(contract)} BROKEN")
            self.assertRegex(output, rf"{re.escape(importer)} -> {re.escape(imported)}\b")

    def test_each_contract_has_a_planted_import(self):
        config = (ROOT / "setup.cfg").read_text()
        contracts = config[config.index("[importlinter]") :]
        self.assertEqual(sorted(re.findall("^name = (.*)$", contracts, re.M)), sorted(PLANTED))

    def test_a_module_without_a_level_breaks_the_levels(self):
        tree = Path(self.mktemp())
        tree.mkdir()
        copy_of_the_project(tree)
        (tree / "txetcd" / "stray.py").touch()

        status, output = lint(tree)

        self.assertEqual(status, 1, output)
        self.assertIn("txetcd.stray", output)


class ReactorTests(SynchronousTestCase):
    def test_only_those_who_run_a_reactor_import_it(self):
        offenders = [
            name
            for path in modules(PACKAGE)
            if not (name := path.relative_to(PACKAGE).as_posix()).startswith(
                MAY_IMPORT_THE_REACTOR
            )
            and imports_the_reactor(path.read_text("utf-8"))
        ]
        self.assertEqual(offenders, [])

    def test_every_form_of_the_import_is_seen(self):
        for source in (
            "from twisted.internet import reactor",
            "from twisted.internet import defer, reactor as default",
            "import twisted.internet.reactor",
            "from twisted.internet.reactor import callLater",
            "def clock():\n    from twisted.internet import reactor\n    return reactor",
            "async def f():\n    if f:\n        import twisted.internet.reactor as r",
        ):
            self.assertTrue(imports_the_reactor(source), source)

    def test_its_neighbours_are_not_mistaken_for_it(self):
        for source in (
            "from twisted.internet import defer, interfaces",
            "from twisted.internet.interfaces import IReactorTime",
            "from txetcd.testing import reactor",
            "from . import reactor",
            "reactor = 'from twisted.internet import reactor'",
        ):
            self.assertFalse(imports_the_reactor(source), source)


class NameTests(SynchronousTestCase):
    def test_a_file_is_named_for_what_is_in_it(self):
        self.assertEqual(forbidden_names(PACKAGE) + forbidden_names(ROOT / "tests"), [])

    def test_every_forbidden_name_is_seen(self):
        tree = Path(self.mktemp())
        for name in ("utils/__init__.py", "event_handler.py", "http/misc.py", "utility.py"):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).touch()
        self.assertEqual(forbidden_names(tree), ["event_handler.py", "http/misc.py", "utils"])


class DocstringTests(SynchronousTestCase):
    def test_every_module_says_what_it_is_for(self):
        silent = [
            str(path.relative_to(ROOT))
            for path in modules(PACKAGE)
            if not ast.get_docstring(ast.parse(path.read_text("utf-8")))
        ]
        self.assertEqual(silent, [])

    def test_there_are_modules_to_look_at(self):
        """Else each rule above would hold of an empty list."""
        self.assertIn(PACKAGE / "service.py", modules(PACKAGE))
