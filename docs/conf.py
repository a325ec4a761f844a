"""How Sphinx makes the documentation."""

import doctest
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import dojobber  # noqa: E402

project = 'dojobber'
author = 'the dojobber maintainers'
copyright = f'2026, {author}'
version = release = dojobber.__version__

extensions = ['sphinx.ext.autodoc', 'sphinx.ext.doctest', 'sphinx.ext.napoleon']
exclude_patterns = ['_build']
# Names in single backquotes, as in the docstrings, become links.
default_role = 'py:obj'
autodoc_member_order = 'bysource'
autodoc_preserve_defaults = True
autoclass_content = 'both'
# By itself Sphinx ignores the messages of exceptions.
doctest_default_flags = doctest.ELLIPSIS
# Classes made on a page are shown as in a script.
doctest_global_setup = "__name__ = '__main__'"

html_theme = 'alabaster'
html_theme_options = {'description': 'Small idempotent Jobs that depend on each other'}
