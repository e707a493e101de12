"""Ten thousand connections to a page, each with a request that never ends: what becomes of them.

`python -m bench.peers.connections HOST:PORT N SECONDS` prints one JSON object: how many the box
took, refused in words, hung up on, and how many the kernel never let through.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections import Counter

AT_ONCE = 2_000  # that knock and wait to be let in
BEGUN = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "


async def main() -> None:
    """Knock, wait, count."""
    where, number, seconds = sys.argv[1:]
    host, _, port = where.rpartition(":")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 20_000), most))
    gate, ends = asyncio.Semaphore(AT_ONCE), Counter[str]()
    end_s = asyncio.get_running_loop().time() + float(seconds)

    async def knock() -> None:
        try:
            async with asyncio.timeout_at(end_s):
                async with gate:
                    reader, writer = await asyncio.open_connection(host, int(port))
                    writer.write(BEGUN)
                    answer = await reader.read(64)
            ends["refused_in_words" if b" 503 " in answer else "hung_up_on"] += 1
            writer.close()
        except TimeoutError:
            ends["waited_or_held"] += 1
        except OSError:
            ends["reset"] += 1

    await asyncio.gather(*(knock() for _ in range(int(number))))
    print(json.dumps(dict(ends)))


if __name__ == "__main__":
    asyncio.run(main())
