#!/usr/bin/env python3
"""Bring a small web site up to date, and see whether a visitor gets it.

    echo 'Hello & welcome!' >welcome.txt
    examples/site.py                 # build it, serve it for a moment, fetch it, stop the server
    examples/site.py                 # all is well; only the server is started again
    examples/site.py --serve         # look at it until Ctrl-C
    examples/site.py -n              # say what is to be done, change nothing

The tutorial, docs/tutorial.rst, sets up a site like this one step by step.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.request import ProxyHandler, build_opener

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import dojobber
from dojobber import Job, RunonlyJob

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<h1>{title}</h1>
<p>{text}</p>
</html>
"""


class MakeFolder(Job):
    """The folder of the site is there."""

    def Check(self, folder: Path, **_: Any) -> None:
        if not folder.is_dir():
            raise RuntimeError(f'There is no folder {folder}.')

    def Run(self, folder: Path, **_: Any) -> None:
        folder.mkdir(parents=True)


class TextIsWritten(Job):
    """Someone has written what the page says. Only a person can do that, so there is no Run."""

    TRIES = 1

    def Check(self, text: Path, **_: Any) -> None:
        if not text.is_file():
            raise RuntimeError(f'Write {text}, please.')


class RenderPage(Job):
    """The page says what the text says."""

    DEPS = (MakeFolder, TextIsWritten)

    def Check(self, folder: Path, text: Path, title: str, **_: Any) -> None:
        if (folder / 'index.html').read_bytes() != render(text, title):
            raise RuntimeError('The page is out of date.')

    def Run(self, folder: Path, text: Path, title: str, **_: Any) -> None:
        (folder / 'index.html').write_bytes(render(text, title))


class WriteChecksum(Job):
    """Visitors can find out whether they got the whole page: `sha256sum -c SHA256SUMS`."""

    DEPS = (RenderPage,)

    def Check(self, folder: Path, **_: Any) -> str:
        found = (folder / 'SHA256SUMS').read_text()
        if found != checksum((folder / 'index.html').read_bytes()):
            raise RuntimeError('The checksum is that of another page.')
        return found

    def Run(self, folder: Path, **_: Any) -> None:
        (folder / 'SHA256SUMS').write_text(checksum((folder / 'index.html').read_bytes()))


class StartServer(Job):
    """A server runs for as long as the script does."""

    DEPS = (MakeFolder,)

    def Check(self, **_: Any) -> str:
        if 'url' not in self.global_storage:
            raise RuntimeError('No server has been started.')
        return str(self.global_storage['url'])

    def Run(self, folder: Path, port: int, **_: Any) -> None:
        server = ThreadingHTTPServer(('127.0.0.1', port), partial(Handler, directory=str(folder)))
        self.storage['server'] = server
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.global_storage['url'] = f'http://127.0.0.1:{server.server_address[1]}/'

    def Cleanup(self) -> None:
        # Called for each try, also for one that found the port taken and has no server.
        if 'server' in self.storage:
            self.storage['server'].shutdown()
            self.storage['server'].server_close()


class SiteAnswers(Job):
    """A visitor gets the page, and all of it. A server that is slow to start has five seconds."""

    DEPS = (StartServer, WriteChecksum)
    TRIES = 100
    RETRY_DELAY = 0.05

    def Check(self, folder: Path, **_: Any) -> None:
        # Without a proxy, whatever the environment says.
        with build_opener(ProxyHandler({})).open(self.global_storage['url'], timeout=5) as answer:
            found = checksum(answer.read())
        if found != (folder / 'SHA256SUMS').read_text():
            raise RuntimeError('What the server sends is another page.')


class Serve(RunonlyJob):
    """Visitors can come until Ctrl-C or SIGTERM, which end the run: then the server is stopped."""

    DEPS = (SiteAnswers,)
    IN_DRIVER = True  # with -j too: Ctrl-C comes there

    def Run(self, **_: Any) -> None:
        print('Serving at', self.global_storage['url'], flush=True)
        Event().wait()


class Handler(SimpleHTTPRequestHandler):
    """Serves files."""

    def log_message(self, *_: Any) -> None:
        """Keep quiet about visitors."""


def render(text: Path, title: str) -> bytes:
    """Return the page."""
    words = html.escape(text.read_text('utf-8').strip())
    return PAGE.format(title=html.escape(title), text=words).encode()


def checksum(content: bytes) -> str:
    """Return what SHA256SUMS says of a page."""
    return f'{hashlib.sha256(content).hexdigest()}  index.html\n'


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of what is this script's own: dojobber adds its flags, such as -n."""
    parser = argparse.ArgumentParser(description='Bring a small web site up to date.')
    flag = parser.add_argument
    flag('--folder', type=Path, default='public', help='where the site is (%(default)s)')
    flag('--text', type=Path, default='welcome.txt', help='what it says (%(default)s)')
    flag('--title', default='My site', help='its title (%(default)s)')
    flag('--port', type=int, default=0, help='of the server; 0 means any that is free, the default')
    flag('--serve', action='store_true', help='go on serving until Ctrl-C')
    return parser


def root(args: argparse.Namespace) -> type[Job]:
    """Return the Job to begin with."""
    return Serve if args.serve else SiteAnswers


if __name__ == '__main__':
    sys.exit(dojobber.main(root, make_parser(), default_retry_delay=0.05))
