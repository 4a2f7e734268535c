"""Fetches the policy of MTA-STS over HTTPS as senders must: a believed certificate, no redirect, at most 64 KiB."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from bot.reputation.road import Road

LARGEST = 64 * 1024
"""Octets of a policy (RFC 8461 §3.3 suggests this limit)."""

PATH = "/.well-known/mta-sts.txt"


@dataclass(frozen=True, slots=True)
class NoPolicy:
    """Why there is none. `timeout` and `unreachable` say nothing of the server; the others are its fault."""

    kind: Literal["timeout", "unreachable", "refused", "certificate", "tls", "redirect", "status", "too_long", "broken"]
    detail: str


async def fetch(
    host: str, addresses: Sequence[str], *, road: Road, authorities: str = "", patience: float = 20.0
) -> str | NoPolicy:
    """The text at `https://HOST/.well-known/mta-sts.txt`, from the first address that can be reached.

    `patience`, in seconds, is for all of it (RFC 8461 §3.3); `authorities` a PEM file of who is believed.
    """
    context = _context(authorities)
    found: str | NoPolicy = NoPolicy("unreachable", "it has no address")
    try:
        async with asyncio.timeout(patience):
            for address in addresses:
                found = await _from(host, road(address, 443), context)
                if not (isinstance(found, NoPolicy) and found.kind in ("unreachable", "refused")):
                    break
    except TimeoutError:
        return NoPolicy("timeout", f"no answer within {patience:g} s")
    return found


@cache
def _context(authorities: str) -> ssl.SSLContext:
    # Reading the system's authorities takes a tenth of a second in which the loop stands still, so it is done once.
    return ssl.create_default_context(cafile=authorities or None)


async def _from(host: str, endpoint: tuple[str, int], context: ssl.SSLContext) -> str | NoPolicy:
    writer: asyncio.StreamWriter | None = None
    connected = False
    try:
        reader, writer = await asyncio.open_connection(*endpoint)
        connected = True
        await writer.start_tls(context, server_hostname=host)
        request = f"GET {PATH} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Maildesk\r\nAccept: text/plain\r\n"
        writer.write(f"{request}Connection: close\r\n\r\n".encode("ascii"))
        return await _read(reader)
    except ssl.SSLCertVerificationError as error:
        return NoPolicy("certificate", error.verify_message)
    except ssl.SSLError as error:
        return NoPolicy("tls", (error.reason or str(error)).replace("_", " ").lower())
    except ConnectionRefusedError:
        return NoPolicy("refused", "connection refused")
    except (ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return NoPolicy("broken", "what came is no HTTP")
    except OSError as error:
        return NoPolicy("broken" if connected else "unreachable", error.strerror or str(error))
    finally:
        if writer:
            writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> str | NoPolicy:
    """One response (RFC 9112 §6, §7). Raises ValueError and asyncio's errors for what is none."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status_line, *lines = head.split("\r\n")
    version, _, status = status_line.partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(version)
    code = int(status[:3])
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if 300 <= code < 400:
        return NoPolicy("redirect", f"{code} to {headers.get('location', 'nowhere')[:200]}")
    if code != 200:
        return NoPolicy("status", status.strip()[:100])
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _chunks(reader)
    elif "content-length" in headers:
        body = await reader.readexactly(min(int(headers["content-length"]), LARGEST + 1))
    else:
        body = await _up_to(reader, LARGEST + 1)
    if len(body) > LARGEST:
        return NoPolicy("too_long", f"more than {LARGEST // 1024} KiB")
    return body.decode(errors="replace")


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while len(body) <= LARGEST:
        size = int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16)
        if size == 0:
            break
        body += await reader.readexactly(min(size, LARGEST + 1))
        await reader.readexactly(2)
    return body


async def _up_to(reader: asyncio.StreamReader, most: int) -> bytes:
    """What comes until the connection ends; who forgets to end TLS properly has said all the same."""
    body = b""
    with contextlib.suppress(ssl.SSLError, ConnectionResetError):
        while len(body) < most and (piece := await reader.read(most - len(body))):
            body += piece
    return body
