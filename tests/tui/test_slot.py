"""Between the screen and a thread there is room for one wish: the newest."""

from __future__ import annotations

from threading import Thread

from halfpint.tui.feeds.slot import Slot


def test_the_newest_wish_is_taken_and_once() -> None:
    slot = Slot[str]()
    slot.put("old")
    assert slot.put("new") == 2
    assert slot.take() == (2, "new")
    assert not slot.overtaken()


def test_a_newer_wish_overtakes_the_one_that_is_worked_on() -> None:
    slot = Slot[str]()
    slot.put("old")
    slot.take()
    slot.put("new")
    assert slot.overtaken()


def test_a_wish_can_be_taken_back() -> None:
    slot = Slot[str]()
    slot.put("old")
    slot.put(None)
    assert not slot.overtaken()


def test_who_waits_is_let_go_at_the_end() -> None:
    slot = Slot[str]()
    taken: list[object] = []
    thread = Thread(target=lambda: taken.append(slot.take()))
    thread.start()
    slot.close()
    thread.join(60)
    assert taken == [None]
    assert slot.overtaken()
