"""The built book on this machine's loopback address, for reading."""

import argparse
import functools
import http.server
import sys
from pathlib import Path


class _Handler(http.server.SimpleHTTPRequestHandler):
    def end_headers(self):
        # a rebuilt book shows on reload
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *_):
        """Nothing: a page is dozens of requests."""


def make_server(folder: Path, port: int = 0) -> http.server.ThreadingHTTPServer:
    """A server of `folder` on 127.0.0.1, not yet serving; port 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """
    handler = functools.partial(_Handler, directory=str(folder))
    return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)


def main(arguments: list[str] | None = None) -> int:
    """`python -m grokbook.publishing.server FOLDER --port 8000`."""
    parser = argparse.ArgumentParser(description="Serve the built book on loopback.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args(arguments)
    if not (options.folder / "index.html").exists():
        print(f"no book in {options.folder}: make book", file=sys.stderr)
        return 1
    try:
        server = make_server(options.folder, options.port)
    except (OSError, OverflowError) as error:
        print(f"port {options.port}: {error} (another one: make serve PORT=8001)", file=sys.stderr)
        return 1
    print(f"the book is at http://127.0.0.1:{server.server_port}/  (Ctrl-C to stop)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
