"""How Sphinx makes the documentation."""

import doctest
import importlib.util
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

# A link to nothing is an error, as is text before a colon that is taken for a type. The names of
# the standard library are literals here: no page of this project needs a network to be built.
nitpicky = True
_STDLIB = r'(argparse|collections|concurrent|logging|os|pickle|signal|subprocess|sys|typing)\b.*'
# As they are named where only type checkers import them.
_TYPES = r'ArgumentParser|Executor|Namespace|PathLike|PictureFormat|Writable'
nitpick_ignore_regex = [
    (r'py:.*', _STDLIB),
    (r'py:class', rf'dojobber\.(\w+\.)?_.*|{_TYPES}'),
]
linkcheck_ignore = ['https?://']

# The theme and the copy button are in tox's docs environment only; the pages do without them.
html_theme = 'furo' if importlib.util.find_spec('furo') else 'alabaster'
# The style that comes with it underlines the names of modules and classes.
pygments_dark_style = 'monokai'
html_title = f'dojobber {release}'
if importlib.util.find_spec('sphinx_copybutton'):
    extensions.append('sphinx_copybutton')
# Prompts and output are not copied.
copybutton_prompt_text = r'\$ |>>> |\.\.\. '
copybutton_prompt_is_regexp = True
