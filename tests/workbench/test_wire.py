"""Messages survive the pipe, and what is no message is told apart from the end."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_lab.workbench.wire import LENGTH, Message, WireError, encode, read

HEADERS = st.dictionaries(st.text().filter(lambda key: key != "blob"), st.integers() | st.text() | st.none())


@given(st.lists(st.tuples(HEADERS, st.binary()), max_size=4))
def test_messages_come_out_as_they_went_in(messages: list[tuple[dict[str, object], bytes]]) -> None:
    stream = io.BytesIO(b"".join(encode(Message(header, blob)) for header, blob in messages))
    assert [read(stream) for _ in messages] == [Message(header, blob) for header, blob in messages]
    assert read(stream) is None


@pytest.mark.parametrize("kept", [1, 6, -1])
def test_a_message_cut_short_is_no_end(kept: int) -> None:
    with pytest.raises(WireError, match="within a message"):
        read(io.BytesIO(encode(Message({"op": "warm"}, b"pixels"))[:kept]))


def test_text_on_the_pipe_is_no_message() -> None:
    with pytest.raises(WireError, match="a header of"):
        read(io.BytesIO(b"Downloading: 100%"))
    with pytest.raises(WireError, match="no JSON object"):
        read(io.BytesIO(LENGTH.pack(2) + b"[]"))
