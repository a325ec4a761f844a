"""Prints the rounds of the movie night as a table, for docs/explanation.rst."""

from __future__ import annotations

from dojobber import DoJobber, Event, TryEnded
from tests import dojobber_example as evening


def main() -> None:
    """Run the movie night and print which Jobs had a turn in each round, and how it ended."""
    rounds: list[dict[str, str]] = []

    def note(event: Event) -> None:
        if isinstance(event, TryEnded):
            # A round never goes back in the order: a Job that does begins the next one.
            if not rounds or place[event.name] <= place[list(rounds[-1])[-1]]:
                rounds.append({})
            rounds[-1][event.name] = 'ok' if event.status else 'fail'

    evening.MovieJob.RETRY_DELAY = 0
    args = evening.make_parser().parse_args([])
    dojob = DoJobber()
    dojob.configure(evening.prepare(args), listeners=[note])
    dojob.set_args(**vars(args))
    place = {name: number for number, name in enumerate(dojob.graph.nodes())}
    dojob.checknrun()

    print('round'.ljust(19), *(f'{number:4}' for number in range(1, len(rounds) + 1)))
    for job in dojob.report():
        turns = (each.get(job.name, '') for each in rounds)
        print(f'{job.name:19}', *(f'{turn:>4}' for turn in turns), '', job.outcome)


if __name__ == '__main__':
    main()
