"""The page of a report: its parts, their words and order, and that nothing in it can do harm."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from functools import cache, partial
from html.parser import HTMLParser

import pytest

from dojobber import DoJobber, DummyJob, GiveUp, Job, RunonlyJob
from dojobber._output.text import escape, truncate
from dojobber.events import Event, TryStarted
from dojobber.report import Report
from tests._output.runs import ODD_NAMES, movie_night, odd_names, report, thousand
from tests.fakes import FakeClock

_VOID = {'meta', 'link', 'br', 'hr', 'img', 'input'}


class Element:
    """A piece of a page: the texts and elements within."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.within: list[Element | str] = []

    def text(self) -> str:
        """Return all text within."""
        return ''.join(each if isinstance(each, str) else each.text() for each in self.within)

    def all(self, *tags: str) -> list[Element]:
        """Return the elements of these tags, or with no tag all, in their order."""
        found = []
        for each in self.within:
            if isinstance(each, Element):
                found += [each] if not tags or each.tag in tags else []
                found += each.all(*tags)
        return found

    def one(self, tag: str) -> Element:
        """Return the only element of a tag."""
        (found,) = self.all(tag)
        return found

    def of_class(self, name: str) -> list[Element]:
        return [each for each in self.all() if name in each.attributes.get('class', '').split()]


class Parser(HTMLParser):
    """Reads a page whose elements are well nested, and refuses any other."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Element('', {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names))
        element = Element(tag, {name: value or '' for name, value in attrs})
        self.open[-1].within.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert self.open[-1].tag in ('svg', 'g')
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].within.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def parsed(text: str) -> Element:
    parser = Parser()
    parser.feed(text)
    parser.close()
    assert parser.open == [parser.root]
    return parser.root


@cache
def evening_page() -> Element:
    """Return the page of an evening that fails."""
    return parsed(movie_night().as_html())


@cache
def evening_fragment() -> Element:
    """Return what a notebook shows of it."""
    return parsed(movie_night()._repr_html_())


def rows(of: Report) -> list[list[str]]:
    """Return the texts of the table, row by row."""
    table = parsed(of.as_html()).one('tbody')
    return [[cell.text() for cell in row.all('th', 'td')] for row in table.all('tr')]


def reason(of: Report, name: str) -> str:
    """Return what is said of a Job."""
    (found,) = [row[4] for row in rows(of) if row[0] == name]
    return found


class Fails(Job):
    """Fail in Run and after."""

    TRIES = 2

    def Check(self) -> None:
        raise ValueError('still <cold>')

    def Run(self) -> None:
        raise OSError('no gas')


def test_page_says_what_was_run_and_what_came_of_it() -> None:
    found = evening_page()
    counts = '20 Jobs: 6 ok, 10 changed, 2 failed, 2 blocked'
    assert found.one('h1').text() == 'WatchMovie'
    assert found.of_class('counts')[0].text() == counts
    assert found.all('title')[0].text() == f'WatchMovie: {counts}'


@pytest.mark.parametrize(
    ('seconds', 'told'),
    [
        (0, '0.00 s'),
        (1.234, '1.23 s'),
        (12.345, '12.3 s'),
        (150, '2 min 30 s'),
        (7300, '2 h 1 min'),
    ],
)
def test_page_says_how_long_the_run_took(seconds: float, told: str) -> None:
    clock = FakeClock()

    class Slow(DummyJob):
        def Check(self) -> None:
            clock.advance(seconds)

    (facts, *_) = parsed(report(Slow, clock).as_html()).of_class('soft')
    assert facts.text().endswith(f' · took {told} · 1 try')


def test_page_says_when_the_run_began() -> None:
    found = report(DummyJob.clone('Tea'))
    assert found.started is not None
    time = parsed(found.as_html()).one('time')
    assert time.text() == f'{found.started:%Y-%m-%d %H:%M:%S} UTC'
    assert time.attributes == {'datetime': found.started.isoformat(timespec='seconds')}


def test_page_of_a_run_that_goes_on_says_so() -> None:
    pages = []

    def listener(event: Event) -> None:
        if isinstance(event, TryStarted):
            pages.append(dojob.report().as_html())

    class Water(DummyJob):
        pass

    class Tea(DummyJob):
        DEPS = (Water,)

    dojob = DoJobber()
    dojob.configure(Tea, listeners=[listener])
    dojob.checknrun()
    first, second = map(parsed, pages)
    assert 'has not ended' in first.text()
    assert '2 Jobs: 2 not run' in first.text()
    assert 'No Job was tried.' in first.text()
    assert '2 Jobs: 1 ok, 1 not run' in second.text()


def test_page_without_a_run_is_a_page() -> None:
    found = parsed(DoJobber().report().as_html())
    assert found.one('h1').text() == 'No Jobs'
    assert '0 Jobs: none' in found.text()


def test_page_says_that_nothing_was_run() -> None:
    notice = 'With no_act: only Checks were called, no Run.'
    assert notice in parsed(movie_night(no_act=True).as_html()).text()
    assert notice not in evening_page().text()


def test_each_job_has_a_row_with_outcome_tries_and_seconds() -> None:
    clock = FakeClock()

    class Kettle(RunonlyJob):
        RETRY_DELAY = 0

        def Run(self) -> None:
            clock.advance(1.5)

    class Sink(DummyJob):
        pass

    class Tea(DummyJob):
        DEPS = (Kettle, Sink)

    assert rows(report(Tea, clock)) == [
        ['Kettle', 'changed', '1', '1.50'],
        ['Sink', 'ok', '1', '<0.01'],
        ['Tea', 'ok', '1', '<0.01'],
    ]


def test_failures_come_first_and_those_before_that_block_most() -> None:
    class Blocks(Fails):
        pass

    class Blocked(DummyJob):
        DEPS = (Blocks,)

    class Bowl(RunonlyJob):
        def Run(self) -> None:
            pass

        def Cleanup(self) -> None:
            raise OSError('sticky')

    class Root(DummyJob):
        DEPS = (DummyJob.clone('Fine'), Bowl, Fails, Blocks, Blocked)

    dojob = FakeClock().drive(DoJobber())
    dojob.configure(Root)
    with pytest.raises(OSError, match='sticky'):
        dojob.checknrun()
    names = [row[0] for row in rows(dojob.report())]
    assert names == ['Blocks', 'Fails', 'Bowl', 'Fine', 'Blocked', 'Root']
    assert re.fullmatch(r'cleanup: .*OSError: sticky.*', reason(dojob.report(), 'Bowl'), re.S)


def test_failure_is_told_with_its_place_and_message_and_what_it_blocks() -> None:
    class Tea(DummyJob):
        DEPS = (Fails,)

    found = report(Tea)
    line = Fails.Run.__code__.co_firstlineno + 1
    told = reason(found, 'Fails')
    assert f'test_html.py:{line}: OSError: no gasrecheck:' in told
    assert 'ValueError: still <cold>blocks 1 Job: Tea' in told
    assert reason(found, 'Tea') == 'blocked by Fails'


def test_traceback_folds_away() -> None:
    page = parsed(report(Fails).as_html())
    (details,) = page.all('details')
    assert details.attributes == {}
    assert details.one('summary').text() == 'Traceback'
    assert details.one('pre').text().startswith('Traceback (most recent call last):\n  File ')
    assert "raise ValueError('still <cold>')\n" in details.text()


def test_long_traceback_is_cut_in_its_middle() -> None:
    class Talks(Job):
        TRIES = 1

        def Check(self) -> None:
            raise ValueError('first' + 'x' * 100_000 + 'last')

    (details,) = parsed(report(Talks).as_html()).all('details')
    assert len(details.text()) < 21_000
    assert re.search(r'firstx+\n\.\.\.\nx+last\n$', details.text())


def test_exception_without_a_traceback_has_none_to_unfold() -> None:
    class Counts(Job):
        TRIES = 1
        Check = staticmethod(partial(int, 'many'))

    found = report(Counts)
    assert 'ValueError: invalid literal for int()' in reason(found, 'Counts')
    assert parsed(found.as_html()).all('details') == []


def test_output_of_a_process_is_told_in_its_lines() -> None:
    class Boil(RunonlyJob):
        TRIES = 1

        def Run(self) -> None:
            raise subprocess.CalledProcessError(3, ['boil'], b'', b'try 1\nno <gas>\n')

    page = parsed(report(Boil).as_html())
    assert page.all('pre')[0].text() == '| try 1\n| no <gas>'
    # It is what Run raised that failed the recheck: told once.
    assert page.one('tbody').text().count('CalledProcessError: ') == 2
    assert len(page.one('details').all('pre')) == 1


def test_tries_before_a_success_are_told_in_a_line() -> None:
    found = movie_night()
    told = reason(found, 'Pizza')
    assert re.fullmatch(r"earlier try: .*: RuntimeError: Giordano's did not arrive yet\.", told)
    assert reason(found, 'CleanCouch') == ''


def test_job_that_gave_up_says_so() -> None:
    class Gives(Job):
        def Check(self) -> None:
            raise GiveUp('hopeless')

    assert reason(report(Gives), 'Gives').startswith('gave up in try 1check: ')


def test_job_that_was_interrupted_says_so() -> None:
    class Stops(DummyJob):
        def Check(self) -> None:
            raise KeyboardInterrupt

    dojob = DoJobber()
    dojob.configure(Stops)
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert reason(dojob.report(), 'Stops').startswith('was interrupted in try 1')


def test_change_that_called_for_a_run_is_named() -> None:
    class Config(RunonlyJob):
        def Run(self) -> None:
            pass

    class Restart(Job):
        WATCH = (Config,)

        def Run(self) -> None:
            pass

    assert reason(report(Restart), 'Restart') == 'for a change of Config'


def test_cleanup_that_is_due_and_a_result_of_false_are_told() -> None:
    class Bowl(RunonlyJob):
        def Run(self) -> bool:
            return False

        def Cleanup(self) -> None:
            pass

    told = reason(report(Bowl, cleanup=False), 'Bowl')
    assert told == 'passed with a result of Falseits Cleanup is still due'


def test_what_would_run_is_told_with_its_reason_and_no_traceback() -> None:
    found = movie_night(no_act=True)
    assert reason(found, 'CleanCouch').endswith('RuntimeError: Crumbs.')
    assert parsed(found.as_html()).all('details') == []


def test_table_without_reasons_has_no_column_for_them() -> None:
    class Tea(DummyJob):
        pass

    page = parsed(report(Tea).as_html())
    assert [each.text() for each in page.one('thead').all('th')] == [
        *('Job', 'Outcome', 'Tries', 'Seconds')
    ]
    assert page.one('caption').text() == 'In graph order, dependencies first.'


# How it is built


def test_page_has_headings_and_table_headers_for_who_hears_it() -> None:
    page = evening_page()
    assert page.one('html').attributes == {'lang': 'en'}
    headings = [(each.tag, each.text()) for each in page.all('h1', 'h2', 'h3')]
    assert headings == [('h1', 'WatchMovie'), ('h2', 'Jobs'), ('h2', 'Timeline'), ('h2', 'Graph')]
    heads = page.one('thead').all('th')
    assert [each.text() for each in heads] == ['Job', 'Outcome', 'Tries', 'Seconds', 'Reason']
    assert {each.attributes['scope'] for each in heads} == {'col'}
    body = page.one('tbody').all('th')
    assert {each.attributes['scope'] for each in body} == {'row'}
    assert len(body) == 20
    assert len(page.all('figcaption')) == len(page.all('figure')) == 2


def test_links_and_labels_lead_to_what_is_there() -> None:
    page = evening_page()
    ids = [each.attributes['id'] for each in page.all() if 'id' in each.attributes]
    assert len(ids) == len(set(ids))
    links = [each.attributes['href'] for each in page.all('a')]
    assert links == ['#jobs', '#timeline', '#graph']
    labels = [each.attributes['aria-labelledby'] for each in page.all('section')]
    assert ids == labels == [link[1:] for link in links]


@pytest.mark.parametrize('make', [Report.as_html, Report._repr_html_])
@pytest.mark.parametrize('run', [movie_night, odd_names])
def test_nothing_is_fetched_or_executed(
    make: Callable[[Report], str], run: Callable[[], Report]
) -> None:
    found = parsed(make(run()))
    tags = {each.tag for each in found.all()}
    assert not tags & {'script', 'iframe', 'img', 'object', 'embed', 'form', 'base'}
    for each in found.all():
        assert not [name for name in each.attributes if name.startswith('on')]
        assert 'src' not in each.attributes
        assert each.attributes.get('href', '#').startswith(('#', 'data:,'))
    for style in found.all('style'):
        assert not re.search(r'url\(|@import|expression', style.text())


@pytest.mark.parametrize('make', [Report.as_html, Report._repr_html_])
def test_odd_names_and_messages_are_shown_as_they_are(make: Callable[[Report], str]) -> None:
    text = make(odd_names())
    text.encode()
    assert not re.search('[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]', text)
    found = parsed(text)
    names = [each.text() for each in found.one('tbody').all('th')]
    assert sorted(names) == sorted(truncate(escape(name), 120) for name in [*ODD_NAMES, 'All'])
    assert r'\r\n\x1b[2J\u202e\ud800 <script>alert(2)</script>' in found.one('tbody').text()


@pytest.mark.parametrize('make', [Report.as_html, Report._repr_html_])
def test_secrets_are_masked_wherever_they_stand(make: Callable[[Report], str]) -> None:
    class Login(Job):
        TRIES = 1

        def Check(self) -> None:
            raise ValueError('x' * 10_000 + 's3cret' + 'x' * 30_000 + ' s3cret')

    class Tea(DummyJob):
        DEPS = (Login.clone('Login of s3cret'),)

    assert 's3cret' in make(report(Tea))
    masked = make(report(Tea, secrets=['s3cret']))
    assert 's3c' not in masked
    assert 'Login of *****' in masked


def test_same_report_makes_the_same_page() -> None:
    found = movie_night()
    assert found.as_html() == found.as_html()
    assert found._repr_html_() == found._repr_html_()


# The timeline


def test_timeline_tells_in_words_when_each_job_was_tried() -> None:
    clock = FakeClock()

    class Water(RunonlyJob):
        def Run(self) -> None:
            clock.advance(2)

    class Tea(Job):
        DEPS = (Water,)
        RETRY_DELAY = 4
        count = 0

        def Check(self) -> None:
            clock.advance(1)
            Tea.count += 1
            if Tea.count < 4:
                raise ValueError('too hot')

        def Run(self) -> None:
            pass

    items = parsed(report(Tea, clock).as_html()).one('ol').all('li')
    assert [each.of_class('name')[0].text() for each in items] == ['Water', 'Tea']
    assert [each.one('title').text() for each in items] == [
        '1 try, from 0.00 to 2.00 s',
        '2 tries, from 2.00 to 8.00 s',
    ]
    paths = [[path.attributes['d'].count('z') for path in each.all('path')] for each in items]
    assert paths == [[1, 0, 1], [1, 1, 1]]


@pytest.mark.parametrize(
    ('seconds', 'ticks'),
    [
        (0, '0 s 0.2 s 0.4 s 0.6 s 0.8 s 1 s'),
        (3, '0 s 1 s 2 s 3 s'),
        (5.5, '0 s 1 s 2 s 3 s 4 s 5 s'),
        (7, '0 s 2 s 4 s 6 s'),
        (1600, '0 s 500 s 1000 s 1500 s'),
    ],
)
def test_time_axis_has_round_numbers(seconds: float, ticks: str) -> None:
    clock = FakeClock()

    class Slow(DummyJob):
        def Check(self) -> None:
            clock.advance(seconds)

    (axis,) = parsed(report(Slow, clock).as_html()).of_class('axis')
    assert [each.text() for each in axis.all('span')] == re.findall(r'\S+ s', ticks)


def test_timeline_of_many_jobs_has_those_that_took_longest_in_their_order() -> None:
    clock = FakeClock()

    class Host(DummyJob):
        NUMBER = 0

        def Check(self) -> None:
            clock.advance(self.NUMBER % 60)

    jobs = [Host.clone(f'host{number}', NUMBER=number) for number in range(60)]
    page = parsed(report(DummyJob.clone('All', DEPS=jobs), clock).as_html())
    names = [each.text() for each in page.one('ol').of_class('name')]
    assert names == [f'host{number}' for number in range(10, 60)]
    assert 'The 50 Jobs that took longest' in page.text()


# The graph, and what is too much


def test_graph_can_be_scrolled_and_is_told() -> None:
    page = evening_page()
    (box,) = page.of_class('graph')
    assert box.attributes['tabindex'] == '0'
    assert (box.attributes['role'], box.attributes['aria-label']) == ('region', 'Graph')
    assert [each.text() for each in box.all('title')][:1] == ['The graph of 20 Jobs']
    assert 'TurnOnTV: failed' in [each.text() for each in box.all('title')]


@pytest.mark.slow
def test_thousand_jobs_are_less_than_a_megabyte() -> None:
    found = thousand()
    text = found.as_html()
    assert len(found) == 1000
    assert 100_000 < len(text.encode()) < 1_000_000
    assert 'The graph of 1000 Jobs' in text


@pytest.mark.slow
def test_thousand_failures_are_less_than_a_megabyte_and_say_what_is_left_out() -> None:
    class Talks(Fails):
        TRIES = 1

        def Check(self) -> None:
            raise ValueError('<&>' * 1000)

    jobs = [Talks.clone(f'host{number} ' + '🎬' * 100) for number in range(999)]
    text = report(DummyJob.clone('All', DEPS=jobs)).as_html()
    assert len(text.encode()) < 1_000_000
    assert 'The reason is left out here.' in text
    assert 'The traceback is left out here.' in text
    assert 'The graph is too large to be drawn here.' in text


@pytest.mark.parametrize('failures', [30, pytest.param(2000, marks=pytest.mark.slow)])
def test_page_of_more_than_two_thousand_jobs_says_what_is_left_out(failures: int) -> None:
    class Talks(Fails):
        TRIES = 1
        TIMES = 10

        def Check(self) -> None:
            raise ValueError('<&>' * self.TIMES)

    jobs: list[type[Job]] = []
    jobs += [DummyJob.clone(f'passes{number}') for number in range(2000 - failures)]
    jobs += [Talks.clone(f'long{number}', TIMES=1000) for number in range(30)]
    jobs += [Talks.clone(f'short{number}') for number in range(failures - 30)]
    text = report(DummyJob.clone('All', DEPS=jobs)).as_html()
    assert len(text.encode()) < 1_000_000
    assert text.partition('<tbody>')[2].count('<tr') == 2000
    for each in (
        'The first 2000 of 2001 Jobs; the report has all. What failed comes first, ',
        'The reason is left out here.',
        'The traceback is left out here.',
        'The graph is too large to be drawn here.',
    ):
        assert each in text


def test_graph_with_too_many_dependencies_is_not_laid_out() -> None:
    below = [DummyJob.clone(f'below{number}') for number in range(70)]
    above = [DummyJob.clone(f'above{number}', DEPS=below) for number in range(71)]
    text = report(DummyJob.clone('All', DEPS=above)).as_html()
    assert 'The graph is too large to be drawn here.' in text


# In a notebook


def test_notebook_shows_counts_table_and_graph() -> None:
    found = evening_fragment()
    assert found.of_class('counts')[0].text().startswith('20 Jobs: 6 ok')
    assert len(found.one('tbody').all('tr')) == 20
    assert 'The graph of 20 Jobs' in found.text()


def test_notebook_is_left_as_it_is_around_the_report() -> None:
    found = evening_fragment()
    assert [each for each in found.within if isinstance(each, Element)] == [found.all('div')[0]]
    assert not found.all('html', 'body', 'main', 'h1', 'h2')
    assert not [each for each in found.all() if 'id' in each.attributes]
    style = re.sub(r'@media[^{]*\{', '', found.one('style').text())
    selectors = re.findall(r'([^{}]+)\{', style)
    assert len(selectors) > 50
    for each in ','.join(selectors).split(','):
        assert each.strip().startswith('.dojobber')
