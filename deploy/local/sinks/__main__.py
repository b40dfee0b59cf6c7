"""python -m deploy.local.sinks: both sinks until SIGTERM; one line of JSON says where."""

import argparse
import asyncio
import json
import signal

from deploy.local.sinks.sinks import LOOPBACK, Sinks


def main() -> None:
    """Serves until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.sinks", description=__doc__)
    parser.add_argument("--smtp-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--http-port", type=int, default=0, help="0 takes a free one")
    options = parser.parse_args()
    asyncio.run(serve(options.smtp_port, options.http_port))


async def serve(smtp_port: int, http_port: int) -> None:
    """Serves on these ports of loopback."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Sinks(smtp_port=smtp_port, http_port=http_port) as sinks:
        where = {"smtp_host": LOOPBACK, "smtp_port": sinks.smtp_port, "http": sinks.url}
        print(json.dumps(where), flush=True)
        await stop.wait()


if __name__ == "__main__":
    main()
