"""nginx as a plain proxy: reads nothing, decides nothing. The floor under every gateway."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench.gateways.gateway import Start
from bench.upstream import nginx

INSIDE = """\
  upstream vendor {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://vendor;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}"""


class Nginx:
    """`proxy_pass` with kept connections."""

    name = "nginx"
    title = "nginx proxy_pass"
    on = "nothing but passing bytes on"
    off = "everything a gateway does"

    def install(self, work: Path) -> str:
        said = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
        return said.rpartition("/")[2].strip()

    def start(self, work: Path, folder: Path, port: int, upstream: int) -> Start:
        return Start(nginx(folder / "nginx", INSIDE.format(port=port, upstream=upstream)))

    def headers(self, folder: Path, upstream: int) -> Mapping[str, str]:
        return {}
