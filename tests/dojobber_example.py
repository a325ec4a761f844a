#!/usr/bin/env python3
"""Movie night, in Jobs: a demonstration of dojobber, and the manual for those who skip manuals.

    tests/dojobber_example.py -v                                         # it goes wrong
    tests/dojobber_example.py -v --battery_state charged --couch_space   # enjoy the film
    tests/dojobber_example.py --help                                     # what else there is

Every Job below uses something that dojobber offers; the comments say what. The world, which Jobs
find as the keyword argument `world`, is made afresh for each evening, so nothing here lasts.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

if not __package__:  # started by its path: the library is next door
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import dojobber
from dojobber import DoJobber, DummyJob, Job, RunonlyJob

MOVIES = ('Brazil', 'Clue', 'Noises Off', 'The Princess Bride', 'Zardoz')
FRIENDS = (
    {'name': 'Wendell Bagg', 'email': 'wendell@example.com'},
    {'name': 'Lawyer Cat', 'email': 'cat@example.com'},
)
LOG = logging.getLogger('movienight')


@dataclass
class World:
    """What is so this evening. A real script would ask the machine, or the pizzeria."""

    invited: set[str] = field(default_factory=set)
    date: str = ''
    couch_is_clean: bool = False
    remote_found: bool = False
    tv_is_on: bool = False
    dvd_inserted: bool = False
    sitting: bool = False
    pizza_calls: int = 0
    pop_tries: int = 0
    bowl_tries: int = 0
    movie_started: bool = False
    credits_rolled: bool = False


class MovieJob(Job):
    """What all Jobs of the evening share. A base class of Jobs is just a base class."""

    # No Job is tried more often than this, unless it says otherwise. Seconds from the start of a
    # try to the start of the next: short, for nobody waits an hour to see a demonstration.
    TRIES = 3
    RETRY_DELAY: ClassVar[float] = 0.05


# What film, and when


class ValidateMovie(MovieJob):
    """A Job without Run is an assertion: it can't fix anything, only have an opinion."""

    def Check(self, *_: Any, movie: str, **__: Any) -> str:
        if movie == 'Zardoz':
            raise RuntimeError('Really? Sean Connery, in that?')
        # What a passing Check returns is kept in `noderesults`.
        return movie


class PickTimeAndDate(MovieJob):
    """Find a date. `storage` is for one try, `global_storage` for all Jobs of the run."""

    def Check(self, *_: Any, world: World, **__: Any) -> str:
        self.storage['calendar'] = ['Friday', 'Saturday']  # looked up once, used by Run
        if not world.date:
            raise RuntimeError('No date yet.')
        self.global_storage['date'] = world.date
        return world.date

    def Run(self, *_: Any, world: World, **__: Any) -> None:
        world.date = self.storage['calendar'][0]


class DetermineDetails(DummyJob):
    """A DummyJob does nothing: it gives several Jobs one name to depend on."""

    DEPS = (ValidateMovie, PickTimeAndDate)


# Who comes


class SendInvite(MovieJob):
    """Invite one friend. Not run itself: `invite` makes a Job for each friend from it."""

    DEPS = (DetermineDetails,)
    EMAIL = ''
    NAME = ''

    def Check(self, *_: Any, world: World, **__: Any) -> None:
        if self.EMAIL not in world.invited:
            raise RuntimeError(f'{self.NAME} knows nothing.')

    def Run(self, *_: Any, world: World, movie: str, **__: Any) -> None:
        LOG.info('To %s: %s on %s?', self.EMAIL, movie, self.global_storage['date'])
        world.invited.add(self.EMAIL)


class InviteFriends(DummyJob):
    """Depends on whoever is invited: `invite` says who that is, before `configure`."""

    DEPS: ClassVar[Sequence[type[Job]]] = ()


def invite(friends: Sequence[dict[str, str]]) -> None:
    """Make a Job for each friend, and InviteFriends depend on them all."""
    invitations = [
        SendInvite.clone(f'Invite {friend["name"]}', EMAIL=friend['email'], NAME=friend['name'])
        for friend in friends
    ]
    # A new list each time: appended to an old one, friends would pile up.
    InviteFriends.DEPS = [DetermineDetails, *invitations]


class FriendsArrive(MovieJob):
    """They come once all are invited."""

    DEPS = (InviteFriends,)

    def Check(self, *_: Any, world: World, **__: Any) -> None:
        if len(world.invited) < len(FRIENDS):
            raise RuntimeError('Still waiting for someone.')


# The room


class CleanCouch(MovieJob):
    """Remove what is on the couch. Mostly crumbs."""

    def Check(self, *_: Any, world: World, **__: Any) -> None:
        if not world.couch_is_clean:
            raise RuntimeError('Crumbs.')

    def Run(self, *_: Any, world: World, **__: Any) -> None:
        world.couch_is_clean = True


class FluffPillows(RunonlyJob, MovieJob):
    """Who can check whether a pillow is fluffy? A RunonlyJob is run every time."""

    def Run(self, *_: Any, **__: Any) -> None:
        LOG.info('Fluff.')


class PrepareRoom(DummyJob):
    """Both of them."""

    DEPS = (CleanCouch, FluffPillows)


class SitOnCouch(MovieJob):
    """Needs a clean couch, and room on it."""

    DEPS = (PrepareRoom,)

    def Check(self, *_: Any, world: World, **__: Any) -> None:
        if not world.sitting:
            raise RuntimeError('No space on couch.')

    def Run(self, *_: Any, world: World, couch_space: bool, **__: Any) -> None:
        world.sitting = couch_space

    def Cleanup(self) -> None:
        # Called after the run because Run was, even where it did not help; last one first.
        LOG.info('Everyone gets up.')


# The machines


class FindTVRemote(MovieJob):
    """Look where it was the last time: under the couch."""

    def Check(self, *_: Any, world: World, **__: Any) -> None:
        if not world.remote_found:
            raise RuntimeError('Where did it go?')

    def Run(self, *_: Any, world: World, **__: Any) -> None:
        world.remote_found = True


class TurnOnTV(MovieJob):
    """Works with batteries."""

    DEPS = (FindTVRemote,)

    def Check(self, *_: Any, world: World, **__: Any) -> None:
        if not world.tv_is_on:
            raise RuntimeError('Remote batteries are dead.')

    def Run(self, *_: Any, world: World, battery_state: str, **__: Any) -> None:
        world.tv_is_on = battery_state == 'charged'

    def Cleanup(self) -> None:
        LOG.info('Turn off the TV.')


class InsertDVD(MovieJob):
    """Shiny side down."""

    DEPS = (ValidateMovie,)

    def Check(self, *_: Any, world: World, **__: Any) -> None:
        if not world.dvd_inserted:
            raise RuntimeError('The tray is empty.')

    def Run(self, *_: Any, world: World, **__: Any) -> None:
        world.dvd_inserted = True

    def Cleanup(self) -> None:
        LOG.info('Eject the DVD.')


# Food


class PopcornBowl(MovieJob):
    """Wait for a clean bowl: the dishwasher takes longer than three tries."""

    TRIES = 6

    def Check(self, *_: Any, world: World, bowl_success_try: int, **__: Any) -> None:
        # Counted by Run: the first Check of a try sees what the try before it has done.
        if world.bowl_tries < bowl_success_try:
            raise RuntimeError('Dishwasher cycle not done yet.')

    def Run(self, *_: Any, world: World, **__: Any) -> None:
        world.bowl_tries += 1


class Popcorn(MovieJob):
    """Make popcorn once there is a bowl."""

    DEPS = (PopcornBowl,)

    def Check(self, *_: Any, world: World, pop_success_try: int, **__: Any) -> None:
        if world.pop_tries < pop_success_try:
            raise RuntimeError('Still popping...')

    def Run(self, *_: Any, world: World, **__: Any) -> None:
        world.pop_tries += 1


class Pizza(RunonlyJob, MovieJob):
    """Ask where it is. A RunonlyJob fails with what its Run raises."""

    def Run(self, *_: Any, world: World, pizza_success_try: int, **__: Any) -> None:
        world.pizza_calls += 1
        if world.pizza_calls < pizza_success_try:
            raise RuntimeError("Giordano's did not arrive yet.")


class Food(DummyJob):
    """A balanced diet."""

    DEPS = (Popcorn, Pizza)


# The evening


class StartMovie(MovieJob):
    """Needs everything."""

    DEPS = (FriendsArrive, PrepareRoom, TurnOnTV, InsertDVD, SitOnCouch, Food)

    def Check(self, *_: Any, world: World, **__: Any) -> None:
        if not world.movie_started:
            raise RuntimeError('Press play.')

    def Run(self, *_: Any, world: World, **__: Any) -> None:
        world.movie_started = True


class WatchMovie(MovieJob):
    """The root: what all of this is for."""

    DEPS = (StartMovie,)

    def Check(self, *_: Any, world: World, **__: Any) -> None:
        if not world.credits_rolled:
            raise RuntimeError('No spoilers.')

    def Run(self, *_: Any, world: World, movie: str, **__: Any) -> None:
        LOG.info('%s was even better than the last time.', movie)
        world.credits_rolled = True


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the evening's own flags. What all scripts need is added by dojobber."""
    parser = argparse.ArgumentParser(description='Have a movie night, or find out why not.')
    flag = parser.add_argument
    flag('--app-logs', action='store_true', help='show what the Jobs themselves have to say')
    flag('--movie', choices=MOVIES, default=MOVIES[0], help='what to watch (%(default)s)')
    flag('--battery_state', choices=('dead', 'charged'), default='dead', help='of the remote')
    flag('--couch_space', action='store_true', help='there is room on the couch')
    for what, tries in (('pizza', 3), ('pop', 3), ('bowl', 6)):
        flag(
            f'--{what}_success_try',
            type=int,
            default=tries,
            metavar='N',
            help=f'the try with which {what} works out (%(default)s)',
        )
    flag('--display_prerungraph', action='store_true', help='with --x11: show it before too')
    flag(
        '--x11',
        action=argparse.BooleanOptionalAction,
        default=False,
        help='show the graph in a window after the run',
    )
    flag('--png_output', metavar='FILE', help='write the graph as it is after the run')
    flag('--summary', action='store_true', help='say at the end what went wrong, and why')
    return parser


def prepare(args: argparse.Namespace) -> type[Job]:
    """Get ready for an evening; return the root."""
    LOG.handlers = [logging.StreamHandler()]
    LOG.propagate = False
    LOG.setLevel(logging.INFO if args.app_logs else logging.WARNING)
    invite(FRIENDS)
    if args.x11 and args.display_prerungraph:
        before = DoJobber()
        before.configure(WatchMovie)
        keep('picture before', before.display_graph)
    args.world = World()  # Jobs are called with all that is in args
    return WatchMovie


def keep(what: str, make: Callable[..., None], *args: Any) -> None:
    """Make a picture; what goes wrong spoils that, not the evening."""
    try:
        make(*args)
    except (OSError, RuntimeError) as error:
        LOG.warning('No %s: %s', what, error)


def main(argv: Sequence[str] | None = None) -> int:
    """Spend one evening; return the exit status.

    Args:
        argv: the command line's arguments; None means those of the process.
    """
    parser, dojob = make_parser(), DoJobber()
    # Quiet unless asked: everybody is watching a film.
    status = dojobber.main(prepare, parser, argv, dojob=dojob, summary=False)
    args = parser.parse_args(argv)
    if args.summary:
        print(dojob.report(), file=sys.stderr)
    if args.x11:
        keep('picture after', dojob.display_graph)
    if args.png_output:
        keep('picture as PNG', dojob.write_graph, args.png_output)
    return status


if __name__ == '__main__':
    sys.exit(main())
