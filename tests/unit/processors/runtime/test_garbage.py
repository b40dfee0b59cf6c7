"""When the cycle collector looks."""

import gc

import pytest

from processors.runtime import garbage


def test_it_does_not_look_while_something_is_loaded_and_does_again_afterwards() -> None:
    with garbage.paused():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ModuleNotFoundError), garbage.paused():
        raise ModuleNotFoundError
    assert gc.isenabled()


def test_where_it_is_switched_off_it_stays_so() -> None:
    gc.disable()
    try:
        with garbage.paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
