"""Files fetched from a server that runs here: whole, resumed, refused."""

import hashlib
import http.server
import threading

import pytest
from data_configs import make_config, write_lines

from t2t_jax.data import downloads
from t2t_jax.errors import UsageError

CONTENT = b'a line\n' * 100000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class _Server(http.server.BaseHTTPRequestHandler):
  """Serves CONTENT as /train.en.gz; what it was asked for is in `asked`."""

  asked: list
  knows_ranges = True
  sends = len(CONTENT)

  def do_GET(self):
    start = 0
    wanted = self.headers['Range']
    self.asked.append((self.path, wanted))
    if not self.path.endswith('train.en.gz'):
      self.send_error(404)
      return
    if wanted and self.knows_ranges:
      start = int(wanted.removeprefix('bytes=').removesuffix('-'))
      if start >= len(CONTENT):
        self.send_error(416)
        return
    self.send_response(206 if start else 200)
    self.send_header('Content-Length', str(len(CONTENT) - start))
    self.end_headers()
    self.wfile.write(CONTENT[start : start + self.sends])

  def log_message(self, *_):
    pass


@pytest.fixture
def server():
  handler = type('Handler', (_Server,), {'asked': []})
  with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as found:
    thread = threading.Thread(target=found.serve_forever, args=(0.01,))
    thread.start()
    handler.url = f'http://127.0.0.1:{found.server_port}/a/train.en.gz'
    yield handler
    found.shutdown()
    thread.join()


def fetch(directory, *addresses, **changes):
  said = []
  config = make_config(directory / 'text', downloads=addresses, **changes)
  downloads.fetch(config.data, said.append)
  return said


def files(directory):
  return sorted(path.name for path in (directory / 'text').iterdir())


def test_a_missing_file_is_fetched_once(server, tmp_path):
  said = fetch(tmp_path, f'{server.url}#sha256={SHA256}')
  assert said == [f'downloading {server.url} into {tmp_path}/text']
  assert (tmp_path / 'text' / 'train.en.gz').read_bytes() == CONTENT
  assert files(tmp_path) == ['train.en.gz']
  assert fetch(tmp_path, server.url) == []
  assert len(server.asked) == 1


def test_archives_are_fetched_for_their_members(server, tmp_path):
  # What the config does not name is not fetched.
  other = server.url.replace('train.en.gz', 'other.tgz')
  fetch(tmp_path, server.url, other, train_source='elsewhere.en')
  assert server.asked == []
  with pytest.raises(UsageError, match='cannot download'):
    fetch(tmp_path, other, train_source='other.tgz/train.en')
  assert server.asked == [('/a/other.tgz', None)]


@pytest.mark.parametrize(
  'changes',
  [
    {'train_source': 'train.en.gz#1', 'train_target': 'train.en.gz#2'},
    {
      'kind': 'inflection',
      'train_target': (),
      'dev_target': (),
    },
  ],
)
def test_tables_are_fetched(server, tmp_path, changes):
  fetch(tmp_path, server.url, **changes)
  assert files(tmp_path) == ['train.en.gz']


def test_what_lies_there_is_taken_as_it_is(server, tmp_path):
  (tmp_path / 'text').mkdir()
  write_lines(tmp_path / 'text' / 'train.en', ['mine'])
  assert fetch(tmp_path, f'{server.url}#sha256={SHA256}') == []
  assert files(tmp_path) == ['train.en']


@pytest.mark.parametrize('knows_ranges', [True, False])
def test_a_broken_download_goes_on(server, tmp_path, knows_ranges):
  server.knows_ranges = knows_ranges
  server.sends = 300000
  with pytest.raises(UsageError, match=r'broke off .*start again to go on'):
    fetch(tmp_path, f'{server.url}#sha256={SHA256}')
  assert files(tmp_path) == ['train.en.gz.part']
  server.sends = len(CONTENT)
  fetch(tmp_path, f'{server.url}#sha256={SHA256}')
  assert server.asked[-1] == ('/a/train.en.gz', 'bytes=300000-')
  assert (tmp_path / 'text' / 'train.en.gz').read_bytes() == CONTENT


def test_what_another_process_left_is_gone_on_with(
  server, tmp_path, monkeypatch
):
  def wait(file, _):
    with open(file.name, 'ab') as other:
      other.write(CONTENT[:300000])

  monkeypatch.setattr(downloads.fcntl, 'flock', wait)
  fetch(tmp_path, server.url)
  assert server.asked == [('/a/train.en.gz', 'bytes=300000-')]
  assert (tmp_path / 'text' / 'train.en.gz').read_bytes() == CONTENT


def test_a_whole_part_needs_nothing_more(server, tmp_path):
  (tmp_path / 'text').mkdir()
  (tmp_path / 'text' / 'train.en.gz.part').write_bytes(CONTENT)
  fetch(tmp_path, f'{server.url}#sha256={SHA256}')
  assert files(tmp_path) == ['train.en.gz']


def test_a_server_that_breaks_off_within_a_chunk(server, tmp_path):
  def answer(handler):
    handler.protocol_version = 'HTTP/1.1'
    handler.send_response(200)
    handler.send_header('Transfer-Encoding', 'chunked')
    handler.send_header('Connection', 'close')
    handler.end_headers()
    handler.wfile.write(b'ffff\r\na line\n')

  server.do_GET = answer
  with pytest.raises(
    UsageError,
    match=f'downloading {server.url} broke off .*; start again to go on',
  ):
    fetch(tmp_path, server.url)


def test_another_file_than_expected(server, tmp_path):
  with pytest.raises(
    UsageError,
    match=f'config.data.downloads: {server.url}: expected sha256 00, found '
    f'{SHA256}',
  ):
    fetch(tmp_path, f'{server.url}#sha256=00')
  assert files(tmp_path) == []


def test_no_such_file_on_the_server(server, tmp_path):
  url = server.url.replace('/a/', '/b/').replace('train.en', 'dev.en')
  with pytest.raises(
    UsageError,
    match=f'cannot download {url} .Not Found.; start again to go on, or put '
    f'the file at {tmp_path}/text/dev.en.gz',
  ):
    fetch(tmp_path, url)


def test_offline(tmp_path):
  # No server listens on port 1.
  with pytest.raises(
    UsageError,
    match=r'cannot download http://127.0.0.1:1/train.en .*refused.*or put the',
  ):
    fetch(tmp_path, 'http://127.0.0.1:1/train.en')
