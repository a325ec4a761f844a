"""Pictures in files and on the screen, and the programs that draw and show them."""

from __future__ import annotations

import gzip
import io
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from dojobber import DoJobber, DummyJob, Job, RunonlyJob

needs_dot = pytest.mark.skipif(shutil.which('dot') is None, reason='Graphviz is not installed')


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a directory of programs the only one on PATH."""
    place = tmp_path / 'bin'
    place.mkdir()
    monkeypatch.setenv('PATH', str(place))
    return place


def install(place: Path, name: str, script: str) -> None:
    program = place / name
    program.write_text(f'#!/bin/sh\n{script}\n')
    program.chmod(0o755)


def one_job() -> DoJobber:
    dojob = DoJobber()
    dojob.configure(DummyJob.clone('Only'))
    return dojob


def dot_text(dojob: DoJobber, programs: Path) -> str:
    install(programs, 'dot', 'exec /bin/cat')
    out = io.BytesIO()
    dojob.write_graph(out)
    return out.getvalue().decode()


def test_write_graph_gives_dot_each_job_and_its_dependencies(programs: Path) -> None:
    class Below(DummyJob):
        pass

    class Above(DummyJob):
        DEPS = (Below,)

    dojob = DoJobber()
    dojob.configure(Above)
    assert dot_text(dojob, programs) == (
        'digraph {\n    n0 [label="Below"]\n    n1 [label="Above"]\n    n1 -> n0\n}\n'
    )


def test_write_graph_after_a_run_colours_jobs_by_what_happened(programs: Path) -> None:
    class Passes(DummyJob):
        pass

    class Fixed(RunonlyJob):
        def Run(self) -> None:
            pass

    class Fails(RunonlyJob):
        TRIES = 1

        def Run(self) -> None:
            raise ValueError

    class Later(Job):
        """Fails its first recheck, and passes the Check of its second try."""

        calls: list[str] = []

        def Check(self) -> None:
            self.calls.append('Check')
            assert len(self.calls) == 3

        def Run(self) -> None:
            pass

    class Blocked(DummyJob):
        DEPS = (Passes, Fixed, Fails, Later)

    dojob = DoJobber()
    dojob.configure(Blocked, default_retry_delay=0)
    dojob.checknrun()
    fills = dict(re.findall(r'"(\w+)\\n.*fillcolor="(\w+)"', dot_text(dojob, programs)))
    assert fills == {
        'Passes': 'green',
        'Fixed': 'darkgreen',
        'Fails': 'red',
        'Blocked': 'dimgrey',
        'Later': 'green',
    }


def test_dot_is_told_the_format(programs: Path, tmp_path: Path) -> None:
    install(programs, 'dot', f'echo "$@" >>{tmp_path}/told; /bin/cat >/dev/null')
    install(programs, 'display', '/bin/cat >/dev/null')
    one_job().write_graph(io.BytesIO())
    one_job().write_graph(io.BytesIO(), 'svg')
    one_job().display_graph()
    assert (tmp_path / 'told').read_text() == '-Tpng\n-Tsvg\n-Tpng\n'


@needs_dot
def test_write_graph_with_the_real_dot_draws_any_name() -> None:
    name = 'say "hi":\\N & <b> Füße\nthen 映画'
    dojob = DoJobber()
    dojob.configure(DummyJob.clone(name))
    out = io.BytesIO()
    dojob.write_graph(out, 'svg')
    drawn = re.findall(r'<text[^>]*>([^<]*)</text>', out.getvalue().decode())
    text = '\n'.join(drawn).replace('&quot;', '"').replace('&#45;', '-').replace('&#160;', ' ')
    assert text.replace('&lt;', '<').replace('&gt;', '>').replace('&amp;', '&') == name


@needs_dot
def test_svg_of_a_name_that_xml_can_not_hold_is_xml() -> None:
    dojob, out = DoJobber(), io.BytesIO()
    dojob.configure(DummyJob.clone('a\x01b\ufffec\uffffd'))
    dojob.write_graph(out, 'svg')
    texts = ElementTree.fromstring(out.getvalue()).itertext()
    assert [each for each in texts if each.startswith('a')] == [r'a\x01b\ufffec\uffffd']


@needs_dot
def test_write_graph_draws_png_unless_told_otherwise(tmp_path: Path) -> None:
    with open(tmp_path / 'graph.png', 'wb') as out:
        one_job().write_graph(out)
    assert (tmp_path / 'graph.png').read_bytes().startswith(b'\x89PNG')


@needs_dot
def test_write_graph_with_an_unknown_format_raises_and_writes_nothing() -> None:
    out = io.BytesIO()
    with pytest.raises(RuntimeError, match='\'dot\' .* failed .* Format: "fax" not recognized'):
        one_job().write_graph(out, 'fax')
    assert out.getvalue() == b''


def test_write_graph_to_a_text_file_writes_to_its_buffer(programs: Path) -> None:
    install(programs, 'dot', 'exec /bin/cat')
    buffer = io.BytesIO()
    out = io.TextIOWrapper(buffer)
    out.write('before ')
    one_job().write_graph(out)
    out.write(' after')
    out.flush()
    written = out.buffer.getvalue()
    assert re.fullmatch(b'before digraph.*}\n after', written, re.DOTALL)


class Sink:
    """Has only write()."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


def test_write_graph_writes_bytes_to_what_only_has_write(programs: Path) -> None:
    install(programs, 'dot', 'echo a picture; /bin/cat >/dev/null')
    sink = Sink()
    one_job().write_graph(sink)
    assert sink.written == [b'a picture\n']


def test_write_graph_writes_into_a_compressed_file(programs: Path, tmp_path: Path) -> None:
    with gzip.open(tmp_path / 'graph.svgz', 'wb') as out:
        one_job().write_graph(out, 'svg')
    with gzip.open(tmp_path / 'graph.svgz') as written:
        assert written.read().startswith(b'<svg ')


@pytest.mark.parametrize('kind', [Path, str])
def test_write_graph_makes_the_file_of_a_path(
    programs: Path, tmp_path: Path, kind: Callable[[Path], Path | str]
) -> None:
    install(programs, 'dot', 'echo a picture; /bin/cat >/dev/null')
    one_job().write_graph(kind(tmp_path / 'graph.png'))
    assert (tmp_path / 'graph.png').read_bytes() == b'a picture\n'


def test_write_graph_that_fails_makes_no_file(programs: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        one_job().write_graph(tmp_path / 'graph.png')
    assert not (tmp_path / 'graph.png').exists()


def test_write_graph_writes_text_where_there_are_no_bytes(programs: Path) -> None:
    install(programs, 'dot', 'echo Füße; /bin/cat >/dev/null')
    out = io.StringIO()
    one_job().write_graph(out, 'plain')
    assert out.getvalue() == 'Füße\n'


def test_write_graph_of_no_text_where_there_are_no_bytes_is_refused(programs: Path) -> None:
    install(programs, 'dot', r"printf '\211PNG'; /bin/cat >/dev/null")
    out = io.StringIO()
    with pytest.raises(TypeError, match='filed takes text only'):
        one_job().write_graph(out)
    assert out.getvalue() == ''


def test_write_graph_without_graphviz_draws_svg_all_the_same(programs: Path) -> None:
    dojob, out = one_job(), io.BytesIO()
    dojob.write_graph(out, 'svg')
    before = ElementTree.fromstring(out.getvalue())
    assert [each for each in before.itertext() if 'Only' in each] == ['Only', 'Only']
    dojob.checknrun()
    after = io.StringIO()
    dojob.write_graph(after, 'svg')
    assert '<title>Only: ok</title>' in after.getvalue()


def test_write_graph_with_graphviz_leaves_svg_to_it(programs: Path) -> None:
    install(programs, 'dot', 'echo a picture; /bin/cat >/dev/null')
    out = io.BytesIO()
    one_job().write_graph(out, 'svg')
    assert out.getvalue() == b'a picture\n'


@pytest.mark.parametrize('fmt', ['png', 'fax'])
def test_write_graph_without_graphviz_says_what_to_install(programs: Path, fmt: str) -> None:
    out = io.BytesIO()
    with pytest.raises(RuntimeError, match="'dot' was not found; install Graphviz"):
        one_job().write_graph(out, fmt)
    assert out.getvalue() == b''


def test_write_graph_with_a_failing_dot_says_what_it_said(programs: Path) -> None:
    install(programs, 'dot', 'echo too tired >&2; exit 3')
    with pytest.raises(RuntimeError, match="'dot' .* failed with status 3: too tired"):
        one_job().write_graph(io.BytesIO())


def test_write_graph_with_a_failing_dot_that_says_no_utf8_raises_all_the_same(
    programs: Path,
) -> None:
    install(programs, 'dot', r"printf 'caf\351' >&2; exit 3")
    with pytest.raises(RuntimeError, match="'dot' .* failed with status 3: caf\ufffd$"):
        one_job().write_graph(io.BytesIO())


def test_write_graph_with_a_format_that_no_program_can_be_told_says_so(programs: Path) -> None:
    install(programs, 'dot', 'exec /bin/cat')
    out = io.BytesIO()
    with pytest.raises(RuntimeError, match="'dot' can not be started: embedded null byte"):
        one_job().write_graph(out, 'p\0ng')
    assert out.getvalue() == b''


def test_write_graph_with_a_dot_that_can_not_be_started_says_so(programs: Path) -> None:
    (programs / 'dot').write_text('#!/no/such/shell\n')
    (programs / 'dot').chmod(0o755)
    with pytest.raises(RuntimeError, match="'dot' can not be started: .*; install Graphviz"):
        one_job().write_graph(io.BytesIO())


def test_display_graph_gives_the_picture_to_display(programs: Path, tmp_path: Path) -> None:
    install(programs, 'dot', 'echo a picture; /bin/cat >/dev/null')
    install(programs, 'display', f'/bin/cat >{tmp_path}/shown; echo "$@" >>{tmp_path}/shown')
    one_job().display_graph()
    assert (tmp_path / 'shown').read_text() == 'a picture\npng:-\n'


@pytest.fixture
def browser(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, str], None]]:
    """Give a function that makes a program the only web browser."""

    def use(name: str, script: str) -> None:
        install(programs, name, script)
        monkeypatch.setenv('BROWSER', str(programs / name))

    for display in ('DISPLAY', 'WAYLAND_DISPLAY', 'BROWSER'):
        monkeypatch.delenv(display, raising=False)
    (tmp_path / 'temporary').mkdir()
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path / 'temporary'))
    # The module looks for browsers once.
    sys.modules.pop('webbrowser', None)
    yield use
    sys.modules.pop('webbrowser', None)


def test_display_graph_without_viewers_shows_the_svg_in_a_browser(
    browser: Callable[[str, str], None], tmp_path: Path
) -> None:
    browser('shows', f'echo "$1" >{tmp_path}/told')
    one_job().display_graph()
    (picture,) = (tmp_path / 'temporary').iterdir()
    assert (tmp_path / 'told').read_text() == f'{picture.as_uri()}\n'
    assert 'Only' in list(ElementTree.fromstring(picture.read_bytes()).itertext())


@pytest.mark.parametrize(
    ('there', 'message'),
    [
        (
            (),
            "'dot' and 'display' were not found; install Graphviz and ImageMagick, or a graphical",
        ),
        (('dot',), "'display' was not found; install ImageMagick, or a graphical web browser"),
        (('display',), "'dot' was not found; install Graphviz, or a graphical web browser"),
    ],
)
def test_display_graph_without_viewers_and_browsers_says_what_to_install(
    browser: Callable[[str, str], None], programs: Path, there: tuple[str, ...], message: str
) -> None:
    for program in there:
        install(programs, program, 'exec /bin/cat')
    with pytest.raises(RuntimeError, match=message):
        one_job().display_graph()


def test_display_graph_with_a_failing_browser_raises_and_leaves_nothing(
    browser: Callable[[str, str], None], tmp_path: Path
) -> None:
    browser('fails', 'exit 1')
    with pytest.raises(RuntimeError, match='or a graphical web browser'):
        one_job().display_graph()
    assert not list((tmp_path / 'temporary').iterdir())


def test_display_graph_does_not_start_a_browser_in_the_terminal(
    browser: Callable[[str, str], None], tmp_path: Path
) -> None:
    browser('lynx', f'echo >{tmp_path}/started')
    with pytest.raises(RuntimeError, match='or a graphical web browser'):
        one_job().display_graph()
    assert not (tmp_path / 'started').exists()


def test_display_graph_with_a_silent_failing_viewer_says_its_status(programs: Path) -> None:
    install(programs, 'dot', 'exec /bin/cat')
    install(programs, 'display', '/bin/cat >/dev/null; exit 1')
    with pytest.raises(RuntimeError, match="'display' .* failed with status 1: it says nothing"):
        one_job().display_graph()


def test_write_graph_before_configure_draws_nothing(programs: Path) -> None:
    assert dot_text(DoJobber(), programs) == 'digraph {\n}\n'


def test_programs_are_looked_for_when_called(programs: Path) -> None:
    dojob = one_job()
    with pytest.raises(RuntimeError):
        dojob.write_graph(io.BytesIO())
    assert dot_text(dojob, programs)
