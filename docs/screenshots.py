#!/usr/bin/env python3
"""Make the pictures of a page and of a summary: docs/page.png and docs/summary.png.

It needs Chromium. Run it after a change to how either looks, from anywhere.
"""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

from dojobber import DoJobber, DummyJob, Job  # noqa: E402
from dojobber._output.summary import summary  # noqa: E402
from dojobber.report import Report  # noqa: E402

CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome') or 'chromium'
FLAGS = ('--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars')
COLOURS = {'32': '#4fb76c', '31': '#ff7b72', '33': '#d9a62e', '90': '#9da7b3'}
TERMINAL = """<meta charset="utf-8"><body style="margin:0;background:#11151a;color:#e6e9ed">
<pre style="margin:0;padding:16px;font:14px/1.45 'DejaVu Sans Mono',monospace">{}</pre>"""


class Part(Job):
    """A part of the server, which is as it should be once its Run was called."""

    RETRY_DELAY = 0.3
    SECONDS = 0.1
    IS_THERE = False

    def __init__(self) -> None:
        self.is_there = self.IS_THERE

    def Check(self, *_: Any, **__: Any) -> None:
        """Look for it."""
        time.sleep(self.SECONDS / 5)
        if not self.is_there:
            raise LookupError(f'no {type(self).__name__.lower()} yet')

    def Run(self, *_: Any, **__: Any) -> None:
        """Make it."""
        time.sleep(self.SECONDS)
        self.is_there = True


class Certificate(Part):
    """What the authority refuses."""

    TRIES = 2

    def Run(self, *_: Any, **__: Any) -> None:
        """Ask for it, in vain."""
        time.sleep(0.15)
        command = ['certbot', 'certonly', '--nginx', '--domain', 'shop.example.com']
        said = b'Challenge failed for domain shop.example.com\nDNS problem: NXDOMAIN\n'
        raise subprocess.CalledProcessError(1, command, b'', said)


def server() -> Report:
    """Set up a server of which one part fails; return the report."""
    packages = Part.clone('Packages', SECONDS=0.6)
    user = Part.clone('User', IS_THERE=True)
    database = Part.clone('Database', DEPS=(packages,), SECONDS=0.4)
    schema = Part.clone('Schema', DEPS=(database, user), SECONDS=0.2)
    nginx = Part.clone('Nginx', DEPS=(packages,), SECONDS=0.2)
    Certificate.DEPS = (nginx,)
    app = Part.clone('App', DEPS=(schema, user), SECONDS=0.3)
    site = Part.clone('Site', DEPS=(nginx, Certificate, app))
    dojob = DoJobber()
    dojob.configure(DummyJob.clone('Shop', DEPS=(site, Part.clone('Backup', DEPS=(database,)))))
    return dojob.checknrun()


def as_terminal(text: str) -> str:
    """Return a page that shows a text as a terminal would, with its colours."""
    text = html.escape(text).replace('\x1b[0m', '</span>')
    return TERMINAL.format(
        re.sub(r'\x1b\[(\d+)m', lambda found: f'<span style="color:{COLOURS[found[1]]}">', text)
    )


def shoot(page: str, picture: Path, width: int, height: int) -> None:
    """Take a picture of a page in the browser."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'page.html')
        path.write_text(page)
        options = (f'--window-size={width},{height}', f'--user-data-dir={folder}/profile')
        command = [CHROMIUM, *FLAGS, *options, f'--screenshot={picture}', path.as_uri()]
        subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    """Make both pictures."""
    os.chdir(DOCS)  # Places in files are shown as seen from there.
    report = server()
    shoot(report.as_html(), DOCS / 'page.png', 1280, 800)
    text = f'$ python3 shop.py\n{summary(report.jobs, report.seconds, 90, colours=True)}'
    lines = text.count('\n') + 1
    shoot(as_terminal(text), DOCS / 'summary.png', 800, round(lines * 14 * 1.45) + 32)


if __name__ == '__main__':
    main()
