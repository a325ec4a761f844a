"""The page of a report in a real browser: `tox -e browser` has what it takes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dojobber.report import Report
from tests._output.runs import movie_night, odd_names, thousand

webdriver: Any = pytest.importorskip('selenium.webdriver', reason='selenium is not installed')

CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')
DRIVER = shutil.which('chromedriver')
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason='Chromium and chromedriver are not installed'
)

FLAGS = (
    *('headless', 'no-sandbox', 'disable-gpu', 'disable-quic', 'no-first-run'),
    *('disable-background-networking', 'disable-component-update', 'disable-sync'),
)
RUNS: dict[str, Callable[[], Report]] = {
    'failed': movie_night,
    'green': lambda: movie_night(battery_state='charged', couch_space=True),
    'no_act': lambda: movie_night(no_act=True),
    'odd': odd_names,
}
#: Each text that is seen with its colour and, from the inside out, the fills that it stands on.
TEXTS = """
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), parent = walker.currentNode.parentElement;
    if (!text || !parent.checkVisibility() || parent.closest('style, svg title, svg desc'))
        continue;
    const fills = [];
    if (parent.closest('svg'))
        fills.push(getComputedStyle(parent.closest('g').querySelector('rect')).fill);
    for (let each = parent; each; each = each.parentElement)
        fills.push(getComputedStyle(each).backgroundColor);
    const style = getComputedStyle(parent);
    found.push([text, parent.closest('svg') ? style.fill : style.color, fills]);
}
return found;
"""
BOXES = """
return [...document.querySelectorAll('.graph svg rect')].map(rect => {
    const texts = [...rect.parentElement.querySelectorAll('text')];
    return [rect, ...texts].map(each => each.getBoundingClientRect().toJSON());
});
"""
#: The points of the edges' lines, a few pixels apart, in the coordinates of the boxes.
EDGES = """
const path = document.querySelector('.graph svg path'), found = [];
const matrix = path.getScreenCTM();
for (const piece of path.getAttribute('d').split(/(?=M)/)) {
    const line = path.cloneNode();
    line.setAttribute('d', piece);
    const length = line.getTotalLength();
    for (let at = 4; at < length - 4; at += 4) {
        const point = line.getPointAtLength(at).matrixTransform(matrix);
        found.push([point.x, point.y]);
    }
}
return found;
"""


@pytest.fixture(scope='module')
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f'user-data-dir={tmp_path_factory.mktemp("profile")}'):
        options.add_argument(f'--{flag}')
    # With the path of the driver, or else selenium would fetch one.
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope='module')
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the addresses of pages of runs."""
    folder: Path = tmp_path_factory.mktemp('pages')
    addresses = {}
    for name, run in RUNS.items():
        path = folder / f'{name}.html'
        path.write_text(run().as_html())
        addresses[name] = path.as_uri()
    return addresses


def show(browser: Any, address: str, width: int = 1280, scheme: str = 'light') -> None:
    """Open a page in a window of a width, where light or dark is preferred."""
    metrics = {'width': width, 'height': 800, 'deviceScaleFactor': 1, 'mobile': False}
    browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', metrics)
    features = [{'name': 'prefers-color-scheme', 'value': scheme}]
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': features})
    browser.get(address)


def channels(colour: str) -> list[float]:
    """Return red, green, blue and opacity, from 0 to 1."""
    parts = [float(each) for each in re.findall(r'[\d.]+', colour)]
    assert colour.startswith('rgb') or colour == 'none', colour
    return [each / 255 for each in parts[:3]] + (parts[3:] or [1.0]) if parts else [0.0] * 4


def light(colour: list[float]) -> float:
    linear = [
        each / 12.92 if each <= 0.04 else ((each + 0.055) / 1.055) ** 2.4 for each in colour[:3]
    ]
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear))


def contrast(colour: str, fills: list[str]) -> float:
    """Return the contrast of a colour to what it stands on: the innermost fill that is opaque."""
    under = next(each for each in map(channels, fills) if each[3] == 1)
    lights = sorted([light(channels(colour)), light(under)])
    return (lights[1] + 0.05) / (lights[0] + 0.05)


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('width', [360, 1280])
@pytest.mark.parametrize('run', RUNS)
def test_page_is_never_scrolled_sideways(
    browser: Any, pages: dict[str, str], run: str, width: int, scheme: str
) -> None:
    show(browser, pages[run], width, scheme)
    for is_open in (False, True):
        browser.execute_script(
            'document.querySelectorAll("details").forEach(each => each.open = arguments[0])',
            is_open,
        )
        wide, room, window = browser.execute_script(
            'const page = document.documentElement;'
            'return [page.scrollWidth, page.clientWidth, innerWidth];'
        )
        assert wide <= room <= window == width


def test_narrow_page_gives_reasons_all_its_width(browser: Any, pages: dict[str, str]) -> None:
    show(browser, pages['failed'], 360)
    of_row, of_reason = browser.execute_script(
        'return ["tbody tr", "tbody .why"].map('
        'each => document.querySelector(each).getBoundingClientRect().width)'
    )
    assert of_reason == of_row > 300


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('run', RUNS)
def test_all_text_can_be_read_on_what_it_stands_on(
    browser: Any, pages: dict[str, str], run: str, scheme: str
) -> None:
    show(browser, pages[run], scheme=scheme)
    browser.execute_script('document.querySelectorAll("details").forEach(each => each.open = 1)')
    texts = browser.execute_script(TEXTS)
    assert len(texts) > 100
    pale = [(text, each) for text, *each in texts if contrast(*each) < 4.5]
    assert pale == []


def test_light_and_dark_pages_differ(browser: Any, pages: dict[str, str]) -> None:
    grounds = []
    for scheme in ('light', 'dark'):
        show(browser, pages['failed'], scheme=scheme)
        script = 'return getComputedStyle(document.documentElement).backgroundColor'
        grounds.append(light(channels(browser.execute_script(script))))
    assert grounds[0] == 1
    assert grounds[1] < 0.02


@pytest.mark.parametrize('run', ['failed', 'no_act'])
def test_nothing_overlaps_in_the_graph(browser: Any, pages: dict[str, str], run: str) -> None:
    show(browser, pages[run])
    boxes = browser.execute_script(BOXES)
    assert len(boxes) == 20
    for rect, *texts in boxes:
        assert len(texts) == 2
        assert texts[0]['bottom'] <= texts[1]['bottom']
        for text in texts:
            assert rect['left'] <= text['left'] < text['right'] <= rect['right']
            assert rect['top'] <= text['top'] < text['bottom'] <= rect['bottom']
    rects = [rect for rect, *_ in boxes]
    for number, one in enumerate(rects):
        for other in rects[:number]:
            is_beside = one['right'] < other['left'] or other['right'] < one['left']
            assert is_beside or one['bottom'] < other['top'] or other['bottom'] < one['top']
    points = browser.execute_script(EDGES)
    assert len(points) > 200
    for x, y in points:
        for rect in rects:
            is_within_x = rect['left'] < x < rect['right']
            assert not (is_within_x and rect['top'] < y < rect['bottom'])


@pytest.mark.parametrize('width', [360, 1280])
def test_screen_reader_gets_all_in_order(browser: Any, pages: dict[str, str], width: int) -> None:
    show(browser, pages['failed'], width)
    nodes = browser.execute_cdp_cmd('Accessibility.getFullAXTree', {})['nodes']
    by_id = {each['nodeId']: each for each in nodes}
    told = []

    def walk(node: dict[str, Any]) -> None:
        if not node.get('ignored'):
            told.append((node['role']['value'], node.get('name', {}).get('value', '')))
        for each in node.get('childIds', ()):
            walk(by_id[each])

    walk(nodes[0])
    assert [name for role, name in told if role == 'heading'] == [
        *('WatchMovie', 'Jobs', 'Timeline', 'Graph')
    ]
    heads = [name for role, name in told if role == 'columnheader']
    assert heads == ['Job', 'Outcome', 'Tries', 'Seconds', 'Reason']
    names = [name for role, name in told if role == 'rowheader']
    assert names[:3] == ['TurnOnTV', 'SitOnCouch', 'ValidateMovie']
    assert len(names) == 20
    row = told.index(('rowheader', 'TurnOnTV'))
    cells = [name for role, name in told[row:] if role == 'cell'][:4]
    assert (cells[0], cells[1].split()[-1]) == ('failed', '3')
    assert 'RuntimeError: Remote batteries are dead.' in cells[3]
    images = [name for role, name in told if role in ('image', 'img')]
    assert len(images) == 19
    assert images[0] == '1 try, from 0.00 to 0.00 s'
    assert images[-1] == 'The graph of 20 Jobs'
    kinds = [role for role, _ in told if role in ('table', 'list', 'image')]
    assert kinds[:3] == ['table', 'list', 'image']


def test_traceback_opens(browser: Any, pages: dict[str, str]) -> None:
    show(browser, pages['failed'])
    details = browser.find_element('css selector', 'details')
    trace = details.find_element('css selector', 'pre')
    assert not trace.is_displayed()
    details.find_element('css selector', 'summary').click()
    assert trace.is_displayed()
    assert trace.text.startswith('Traceback (most recent call last):')


def test_links_lead_to_the_sections(browser: Any, pages: dict[str, str]) -> None:
    show(browser, pages['failed'])
    assert browser.execute_script('return scrollY') == 0
    browser.find_element('link text', 'Graph').click()
    assert browser.execute_script('return scrollY') > 500


def test_wide_graph_is_scrolled_in_its_box(browser: Any, pages: dict[str, str]) -> None:
    show(browser, pages['failed'], 360)
    box = 'const box = document.querySelector(".graph"); '
    wide, room = browser.execute_script(f'{box}return [box.scrollWidth, box.clientWidth]')
    assert wide > room
    browser.execute_script(f'{box}box.scrollLeft = 0; box.scrollLeft = 1e6')
    assert browser.execute_script(f'{box}return box.scrollLeft') == wide - room


def test_thousand_jobs_are_there_soon(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / 'page.html'
    path.write_text(thousand().as_html())
    show(browser, path.as_uri())
    milliseconds = browser.execute_script(
        'const [it] = performance.getEntriesByType("navigation"); return it.loadEventEnd;'
    )
    # Below 1,000 on a quiet machine.
    assert 0 < milliseconds < 5000
    assert len(browser.find_elements('css selector', 'tbody tr')) == 1000
