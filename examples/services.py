#!/usr/bin/env python3
"""Start services that need each other, see whether they work together, and stop them again.

    examples/services.py                              # start, check, stop
    examples/services.py --serve                      # go on until Ctrl-C, or SIGTERM
    examples/services.py --mute stock --patience 1    # what if one of them never answers?

Each service is a process of its own. Starting it and waiting for it are two Jobs: the one that
waits has no Run and many tries, so nothing is started twice. What needs the service depends on
the Job that waits. To stop it is the Cleanup of the Job that starts it; Cleanups are called last
one first, so nothing loses what it needs.

The services of this example are this file too, started with `be`. Write your own into SERVICES,
and their command into StartService.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import ClassVar
from urllib.request import ProxyHandler, build_opener

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import dojobber
from dojobber import Job, RunonlyJob, uninterrupted

# What there is, and what each needs; what is needed comes first.
SERVICES: dict[str, tuple[str, ...]] = {
    'store': (),
    'pricing': ('store',),
    'stock': ('store',),
    'shop': ('pricing', 'stock'),
}
DELAY = 0.05


class MakeFolder(Job):
    """There is a folder, in which each service writes its address once it listens."""

    def Check(self, **_: object) -> None:
        if 'folder' not in self.global_storage:
            raise RuntimeError('There is no folder yet.')

    def Run(self, **_: object) -> None:
        with uninterrupted():
            self.storage['folder'] = TemporaryDirectory(prefix='services-')
        self.global_storage['folder'] = Path(self.storage['folder'].name)

    def Cleanup(self) -> None:
        if 'folder' in self.storage:
            self.storage['folder'].cleanup()


class StartService(Job):
    """A process has been started. `plan` makes a Job for each service from this."""

    NAME: ClassVar[str]

    def Check(self, **_: object) -> None:
        if self.NAME not in self.global_storage:
            raise RuntimeError(f'{self.NAME} has not been started.')

    def Run(self, mute: str, **_: object) -> None:
        folder = self.global_storage['folder']
        needs = [(folder / each).read_text() for each in SERVICES[self.NAME]]
        mode = 'mute' if mute == self.NAME else 'well'
        command = [sys.executable, __file__, 'be', self.NAME, mode, folder / self.NAME, *needs]
        with uninterrupted():  # or else there could be a process that no Cleanup knows of
            # In a session of its own, or else Ctrl-C would stop all of them at once, in no order.
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
            self.storage['process'] = self.global_storage[self.NAME] = process

    def Cleanup(self) -> None:
        if 'process' not in self.storage:
            return
        process = self.storage['process']
        process.terminate()
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        print(f'{self.NAME} is stopped.', flush=True)


class ServiceAnswers(Job):
    """A service that has been started says that it is up. `plan` sets TRIES."""

    RETRY_DELAY = DELAY
    NAME: ClassVar[str]

    def Check(self, **_: object) -> str:
        process = self.global_storage[self.NAME]
        if process.poll() is not None:
            raise RuntimeError(f'{self.NAME} has ended with status {process.returncode}.')
        # A service that does not listen yet has not written its address.
        address = (self.global_storage['folder'] / self.NAME).read_text()
        fetch(f'{address}/up')
        return str(address)


class AllWorkTogether(Job):
    """What the last service answers has gone through all of them."""

    TRIES = 1

    def Check(self, **_: object) -> str:
        last = list(SERVICES)[-1]
        found = fetch((self.global_storage['folder'] / last).read_text())
        missing = [name for name in SERVICES if name not in found]
        if missing:
            raise RuntimeError(f'{last} answers {found}, without {", ".join(missing)}.')
        return found


class Use(RunonlyJob):
    """What the services are for; in this example somebody may look at them."""

    IN_DRIVER = True  # with -j too: Ctrl-C comes there

    def Run(self, serve: bool, **_: object) -> None:
        print(fetch((self.global_storage['folder'] / list(SERVICES)[-1]).read_text()), flush=True)
        if serve:
            Event().wait()


def plan(patience: float) -> type[Job]:
    """Return a Job that depends on all services, and waits up to `patience` seconds for each."""
    waits: dict[str, type[Job]] = {}
    for name, needs in SERVICES.items():
        deps = (MakeFolder, *(waits[each] for each in needs))
        start = StartService.clone(f'Start {name}', NAME=name, DEPS=deps)
        waits[name] = ServiceAnswers.clone(
            f'{name} answers', NAME=name, DEPS=(start,), TRIES=max(1, patience / DELAY)
        )
    together = AllWorkTogether.clone('AllWorkTogether', DEPS=tuple(waits.values()))
    return Use.clone('Use', DEPS=(together,))


def fetch(url: str) -> str:
    """Return what is at an address, without a proxy, whatever the environment says."""
    with build_opener(ProxyHandler({})).open(url, timeout=5) as answer:
        return str(answer.read().decode())


def be(name: str, mode: str, file: str, *needs: str) -> None:
    """Be a service: answer with the name and with what the services say that this one needs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if mode == 'mute':
                self.send_error(503)
                return
            answers = [] if self.path == '/up' else [fetch(each) for each in needs]
            self.send_response(200)
            self.end_headers()
            self.wfile.write((f'{name}({", ".join(answers)})' if answers else name).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
        # Under another name first: nobody reads half an address.
        Path(f'{file}.part').write_text(f'http://127.0.0.1:{server.server_address[1]}')
        os.replace(f'{file}.part', file)
        server.serve_forever()


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of what is this script's own: dojobber adds its flags, such as -v."""
    parser = argparse.ArgumentParser(description='Start, check and stop some services.')
    flag = parser.add_argument
    flag('--serve', action='store_true', help='go on until Ctrl-C')
    flag('--patience', type=float, default=10, help='seconds for each to answer (%(default)s)')
    flag('--mute', choices=SERVICES, help='let this one never answer')
    return parser


if __name__ == '__main__':
    if sys.argv[1:2] == ['be']:
        be(*sys.argv[2:])
    else:
        sys.exit(dojobber.main(lambda args: plan(args.patience), make_parser()))
