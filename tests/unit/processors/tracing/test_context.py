"""Trace contexts keep all they say when they are packed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.tracing import context

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@given(trace=st.integers(1, 2**128 - 1), span=st.integers(1, 2**64 - 1), flags=st.integers(0, 255))
def test_a_context_comes_out_of_the_plan_as_it_went_in(trace: int, span: int, flags: int) -> None:
    header = b"00-%032x-%016x-%02x" % (trace, span, flags)
    assert context.is_traceparent(header)
    packed = context.packed(header)
    assert len(packed) == 25
    assert context.traceparent_of(packed) == header
    assert context.is_sampled(packed) == bool(flags & 1)


def test_a_trace_is_named_by_its_32_digits() -> None:
    assert context.trace_id(TRACE) == "0af7651916cd43dd8448eb211c80319c"
    assert context.trace_id(None) is None


@pytest.mark.parametrize(
    "value", [b"", TRACE.upper(), TRACE[:-1], b"01" + TRACE[2:], TRACE + b"\n"]
)
def test_what_has_another_form_is_no_context(value: bytes) -> None:
    assert not context.is_traceparent(value)
