"""Serves a model over HTTP, with nothing but Python's own server.

  python examples/serve.py runs/quickstart 8000
  curl -d 'The dog sleeps.' http://localhost:8000

A POST of lines is answered with a JSON object a line: text and score. One
request is translated at a time, all of its lines in batches. It is for trying
out, on this machine alone.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from t2t_jax import Translator

MOST_BYTES = 1 << 20


def make_server(translator: Translator, port: int) -> HTTPServer:
  class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
      length = int(self.headers.get('Content-Length', 0))
      if length > MOST_BYTES:
        self.send_error(413, f'expected at most {MOST_BYTES} bytes')
        return
      lines = self.rfile.read(length).decode('utf-8', 'replace').splitlines()
      answers = ''.join(
        json.dumps({'text': t.text, 'score': t.score}, ensure_ascii=False)
        + '\n'
        for t in translator.translate(lines)
      )
      self.send_response(200)
      self.send_header('Content-Type', 'application/x-ndjson; charset=utf-8')
      self.end_headers()
      self.wfile.write(answers.encode())

  return HTTPServer(('localhost', port), Handler)


def main(workdir: str, port: str = '8000') -> None:
  translator = Translator.from_workdir(workdir)
  translator.translate(['.'])  # compiled before the first request
  server = make_server(translator, int(port))
  print(f'http://localhost:{server.server_port}', flush=True)
  server.serve_forever()


if __name__ == '__main__':
  main(*sys.argv[1:])
