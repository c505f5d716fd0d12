"""What goes over the workbench's pipes: a JSON header after its length, then as many raw bytes as its "blob" says."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

LENGTH = struct.Struct(">I")
MAX_HEADER = 16 << 20


@dataclass(frozen=True, slots=True)
class Message:
    """A request carries "id" and "op"; an answer the same "id" and a "kind": step, result or error."""

    header: dict[str, Any]
    blob: bytes = b""


class WireError(Exception):
    """The other end does not speak this language, or stopped in the middle of a word."""


def encode(message: Message) -> bytes:
    header = json.dumps({**message.header, "blob": len(message.blob)}).encode()
    return LENGTH.pack(len(header)) + header + message.blob


def header_length(prefix: bytes) -> int:
    (length,) = LENGTH.unpack(prefix)
    if length > MAX_HEADER:
        raise WireError(f"a header of {length} bytes")
    return int(length)


def decode_header(raw: bytes) -> tuple[dict[str, Any], int]:
    """The header, and the length of the blob that follows it."""
    try:
        header = json.loads(raw)
        return header, int(header.pop("blob"))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise WireError("a header that is no JSON object with a blob's length") from error


def read(stream: BinaryIO) -> Message | None:
    """The next message, or None where the stream ends between two."""
    prefix = stream.read(LENGTH.size)
    if not prefix:
        return None
    if len(prefix) < LENGTH.size:
        raise WireError("the stream ended within a message")
    header, blob_length = decode_header(_exactly(stream, header_length(prefix)))
    return Message(header, _exactly(stream, blob_length))


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise WireError("the stream ended within a message")
    return data
