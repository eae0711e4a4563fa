"""A stub, for tools that look for this file: everything it would say is in ``setup.cfg``."""

from setuptools import setup

setup()
