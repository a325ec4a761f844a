#!/usr/bin/env python3
"""Look whether a machine keeps the rules, and change nothing.

    examples/audit.py                           # this machine; the report is JSON on stdout
    examples/audit.py --root /mnt/image         # a machine whose files are mounted there
    examples/audit.py --only NoEmptyPasswords   # one rule, and what it needs
    examples/audit.py --output audit.json       # for CI; the summary is on stderr all the same

The exit status is 0 if all rules are kept, 1 if one is broken, and 2 if none is, but something
could not be looked at: passwords, for one, are for root only.
"""

from __future__ import annotations

import argparse
import json
import stat
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import dojobber
from dojobber import ConfigurationError, DoJobber, DummyJob, Job, JobReport, Outcome

# Which file may have which mode at most.
MODES = {'etc/passwd': 0o644, 'etc/shadow': 0o640}
# Which settings for accounts are good.
SETTINGS = {'ENCRYPT_METHOD': ('YESCRYPT', 'SHA512'), 'UMASK': ('022', '027', '077')}


class Finding(Exception):
    """A rule is broken. Whatever else a Check raises means that nobody can tell."""


class Rule(Job):
    """Something that has to hold. None of them has a Run, so they can only look."""

    TEXT = ''


class AccountsAreReadable(Rule):
    """Other rules look at what this one has read."""

    TEXT = 'The list of accounts can be read.'

    def Check(self, root: Path) -> int:
        lines = (root / 'etc/passwd').read_text().splitlines()
        accounts = [line.split(':') for line in lines if line.count(':') == 6]
        if not accounts:
            raise ValueError('There are no accounts in etc/passwd.')
        self.global_storage['accounts'] = accounts
        return len(accounts)  # what a passing Check returns is in the report


class OnlyRootIsRoot(Rule):
    """Whoever has the number of root is root, whatever the name says."""

    DEPS = (AccountsAreReadable,)
    TEXT = 'Only root has the user ID 0.'

    def Check(self, root: Path) -> list[str]:
        names = [fields[0] for fields in self.global_storage['accounts'] if int(fields[2]) == 0]
        if names != ['root']:
            raise Finding(f'User ID 0: {", ".join(names) or "nobody"}.')
        return names


class NoEmptyPasswords(Rule):
    """An account that is locked has a mark in the place of its password."""

    TEXT = 'Each account has a password or is locked.'

    def Check(self, root: Path) -> None:
        lines = (root / 'etc/shadow').read_text().splitlines()
        names = [line.split(':')[0] for line in lines if line.split(':')[1:2] == ['']]
        if names:
            raise Finding(f'No password: {", ".join(names)}.')


class FileMode(Rule):
    """A file is open to nobody else. `baseline` makes a Job for each file from this."""

    PATH = ''
    MODE = 0

    def Check(self, root: Path) -> str:
        mode = stat.S_IMODE((root / self.PATH).stat().st_mode)
        if mode & ~self.MODE:
            raise Finding(f'{self.PATH} has mode {mode:04o}.')
        return f'{mode:04o}'


class LoginDefsAreReadable(Rule):
    """Here, too, other rules look at what this one has read."""

    TEXT = 'The settings for accounts can be read.'

    def Check(self, root: Path) -> None:
        lines = (root / 'etc/login.defs').read_text().splitlines()
        words = [line.split('#')[0].split() for line in lines]
        self.global_storage['settings'] = {each[0]: each[1] for each in words if len(each) == 2}


class Setting(Rule):
    """A setting has a value that is good. `baseline` makes a Job for each setting from this."""

    DEPS = (LoginDefsAreReadable,)
    KEY = ''
    GOOD: tuple[str, ...] = ()

    def Check(self, root: Path) -> str:
        found = self.global_storage['settings'].get(self.KEY)
        if found not in self.GOOD:
            raise Finding(f'{self.KEY} is {found or "not set"}.')
        return str(found)


def baseline() -> type[Job]:
    """Return a Job that depends on all rules."""
    modes = [
        FileMode.clone(f'Mode of {path}', PATH=path, MODE=mode, TEXT=f'At most {mode:04o}.')
        for path, mode in MODES.items()
    ]
    settings = [
        Setting.clone(key, KEY=key, GOOD=good, TEXT=f'{key} is {" or ".join(good)}.')
        for key, good in SETTINGS.items()
    ]
    return DummyJob.clone('Baseline', DEPS=(OnlyRootIsRoot, NoEmptyPasswords, *modes, *settings))


def as_dict(entry: JobReport) -> dict[str, Any]:
    """Return what the audit says of a rule: whether it is ``kept``, ``broken`` or ``unknown``."""
    error = entry.exception
    verdict, why = 'unknown', None
    if entry.outcome is Outcome.OK:
        verdict = 'kept'
    elif isinstance(error, Finding):
        verdict, why = 'broken', str(error)
    elif error is not None:
        why = f'{type(error).__name__}: {error}'
    else:
        why = f'It needs {", ".join(entry.blocked_by)}.'
    return {
        'rule': entry.name,
        'text': getattr(entry.job, 'TEXT', ''),
        'verdict': verdict,
        'found': entry.result,
        'why': why,
    }


def root(args: argparse.Namespace) -> type[Job]:
    """Return the Job to begin with, and leave in the arguments what Jobs are called with."""
    if not args.root.is_dir():
        raise ConfigurationError(f'{args.root} is no directory')
    vars(args).pop('output')
    return baseline()


def write(report: dict[str, Any], file: Path | None) -> None:
    """Write a report to a file, or to stdout."""
    text = json.dumps(report, indent=2) + '\n'
    if file is None:
        print(text, end='', flush=True)
    else:
        file.write_text(text)


def main() -> int:
    """Look at all rules, write the report; return the exit status."""
    parser = argparse.ArgumentParser(
        description='Look whether a machine keeps the rules.',
        epilog='Exit status: 0 all rules are kept, 1 one is broken, 2 it is not known.',
    )
    flag = parser.add_argument
    flag('--root', type=Path, default='/', help='where its files are (%(default)s)')
    flag('--output', type=Path, metavar='FILE', help='for the report, instead of stdout')
    dojob = DoJobber('WARNING')
    # With no_act each Check is called once: there is nothing that a second try could change.
    status = dojobber.main(root, parser, dojob=dojob, no_act=True)
    rules = [as_dict(entry) for entry in dojob.report() if issubclass(entry.job, Rule)]
    if status > 1 or not rules:  # it was interrupted, or has listed the rules
        return status
    args = parser.parse_args()
    try:
        write({'root': str(args.root), 'rules': rules}, args.output)
    except OSError as error:  # 1 would mean that a rule is broken
        print(f'No report: {error}', file=sys.stderr)
        return 2
    verdicts = {rule['verdict'] for rule in rules}
    return 1 if 'broken' in verdicts else 2 if 'unknown' in verdicts else 0


if __name__ == '__main__':
    sys.exit(main())
