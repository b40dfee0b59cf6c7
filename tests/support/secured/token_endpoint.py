"""An issuer of tokens on loopback: client credentials in, a signed JWT out, as OpenID Connect."""

import base64
import json
import re
import subprocess
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.machine.serving import Serving
from tests.support.secured.certificates import OPENSSL, openssl

KID = "points-test"
AUDIENCE = "kafka"
SECONDS_VALID = 300


def base64url(data: bytes) -> str:
    """As JOSE writes bytes."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class TokenEndpoint(Serving):
    """Issues tokens to `clients` (secrets by their names), each for the client itself."""

    def __init__(self, folder: Path, clients: dict[str, str]) -> None:
        self._key, self.jwks = folder / "tokens.key", folder / "jwks.json"
        self.clients, self.issued = clients, list[str]()
        openssl("genrsa", "-out", self._key, "2048")
        self.jwks.write_text(json.dumps({"keys": [self._public()]}))
        super().__init__(self._handler(), ThreadingHTTPServer)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/token"

    def _public(self) -> dict[str, str]:
        command = [str(OPENSSL), "rsa", "-in", str(self._key), "-noout", "-modulus"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        modulus = bytes.fromhex(said.strip().removeprefix("Modulus="))
        key = {"kty": "RSA", "kid": KID, "use": "sig", "alg": "RS256"}
        return {**key, "n": base64url(modulus), "e": base64url(b"\x01\x00\x01")}

    def token(self, client: str) -> str:
        """A token for a client."""
        now = int(time.time())
        header = {"alg": "RS256", "kid": KID, "typ": "JWT"}
        claims = {"iss": "test", "sub": client, "aud": AUDIENCE}
        times = {"iat": now, "exp": now + SECONDS_VALID}
        text = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims | times))
        command = [str(OPENSSL), "dgst", "-sha256", "-sign", str(self._key)]
        done = subprocess.run(command, input=text.encode(), capture_output=True, check=True)
        return f"{text}.{base64url(done.stdout)}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(size).decode()
                given = re.fullmatch(r"Basic (\S+)", self.headers.get("Authorization", ""))
                login = base64.b64decode(given[1]).decode() if given else ":"
                client, _, secret = login.partition(":")
                known = secret and endpoint.clients.get(client) == secret
                if "grant_type=client_credentials" not in body or not known:
                    self._answer(401, {"error": "invalid_client"})
                    return
                endpoint.issued.append(client)
                token = {"access_token": endpoint.token(client), "token_type": "Bearer"}
                self._answer(200, {**token, "expires_in": SECONDS_VALID})

            def _answer(self, code: int, answer: dict[str, Any]) -> None:
                data = json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        return Handler
