from __future__ import annotations

import pytest

from line_standins import make_detections, make_frame
from lineside.core.errors import NotInstalledError, OutputError, SettingsError
from lineside.core.inspection import Inspection, Origin, View
from lineside.core.verdict import Reason, Verdict
from lineside.line.events import PlantAsked, Refusal
from lineside.line.plant import Plant, plant_answer
from lineside.line.products import ByCode
from lineside.outputs.plant.link import LineState, PlantNote, PlantTrigger, ProductChosen, TriggerRefused


class Link:
    def __init__(self, *, fault=None, cannot_start=None):
        self.fault, self.cannot_start = fault, cannot_start
        self.answers, self.states, self.closed = [], [], 0
        self.cannot_tell = None
        self.hear = None

    def start(self, heard):
        if self.cannot_start:
            raise self.cannot_start
        self.hear = heard

    def tell(self, state):
        if self.cannot_tell:
            raise self.cannot_tell
        self.states.append(state)

    def answer(self, answer):
        if self.fault:
            raise self.fault
        self.answers.append(answer)

    def close(self):
        self.closed += 1


def inspection(part=3, verdict=Verdict.FAIL, *found):
    view = View("top", frame=make_frame(part), detections=make_detections(*found))
    origin = Origin(product="cap", serial="S")
    reason = Reason.MARGINAL if verdict is Verdict.UNKNOWN else None
    return Inspection(part, verdict, reason, "dent", (view, view), 0.0, 0.1, 0.2, origin=origin)


def plant_of(*links):
    posted, notes = [], []
    plant = Plant(links, post=posted.append, note=lambda *what: notes.append(what))
    plant.start()
    return plant, posted, notes


def test_the_one_that_asked_hears_its_own_number_and_the_others_hear_none():
    one, two = Link(), Link()
    plant, posted, notes = plant_of(one, two)
    two.hear(PlantTrigger(77, 1.0, order=9))
    assert posted == [PlantAsked(1, PlantTrigger(77, 1.0, order=9))]
    plant.asked(3, posted[0])
    plant.answer(inspection(3))
    assert [(a.trigger, a.order) for link in (one, two) for a in link.answers] == [(None, None), (77, 9)]
    assert [a.inspection for a in two.answers] == [3]
    assert notes == []


def test_a_product_that_is_chosen_after_a_trigger_is_for_the_parts_to_come():
    link = Link()
    plant, posted, _ = plant_of(link)
    link.hear(PlantTrigger(1, 1.0))
    link.hear(ProductChosen("cap", 2.0))
    link.hear(PlantTrigger(2, 3.0))
    link.hear(ProductChosen("disc", 4.0))
    link.hear(PlantTrigger(3, 5.0, product="ring"))
    assert [news.trigger.product for news in posted if isinstance(news, PlantAsked)] == [None, "cap", "ring"]
    for part, news in enumerate(posted):
        plant.asked(part, news)
    assert [plant.product_of(part) for part in (0, 1, 7)] == ["", "", "disc"]


def test_links_that_choose_different_products_have_chosen_none_until_they_agree():
    one, two, three = Link(), Link(), Link()
    plant, posted, notes = plant_of(one, two, three)
    known = ByCode({"cap": "the cap", "disc": "the disc"}.__getitem__, usual="cap")
    one.hear(ProductChosen("cap", 1.0))
    assert known.choose(plant.product) == "the cap"
    two.hear(ProductChosen("disc", 2.0))
    three.hear(PlantTrigger(1, 3.0))
    one.hear(PlantTrigger(2, 3.0, product="cap"))
    two.hear(PlantTrigger(3, 3.0, product="disc"))
    said = [known.choose(news.trigger.product) for news in posted if isinstance(news, PlantAsked)]
    assert said[1:] == ["the cap", "the disc"], "a trigger's own product is beyond doubt"
    for refusal in (said[0], known.choose(plant.product_of(9))):
        assert isinstance(refusal, Refusal)
        assert refusal.reason is Reason.RECIPE_UNKNOWN
        assert "different products, cap | disc" in refusal.detail
    assert [code for code, _ in notes] == ["plc.product", "plc.product", "plc.product_conflict"]
    one.hear(ProductChosen("disc", 4.0))
    assert known.choose(plant.product) == "the disc"
    two.hear(ProductChosen("", 5.0))
    assert known.choose(plant.product) == "the disc", "a link that chooses none has no say"


def test_triggers_with_one_number_or_none_are_told_apart_by_their_order():
    link = Link()
    plant, posted, _ = plant_of(link)
    for order, number in enumerate((5, 5, None, None), 1):
        link.hear(PlantTrigger(number, 1.0, order=order))
    for part, news in enumerate(posted):
        plant.asked(part, news)
    for part in (2, 0, 3, 1):
        plant.answer(inspection(part))
    assert [(a.inspection, a.trigger, a.order) for a in link.answers] == [
        (2, None, 3),
        (0, 5, 1),
        (3, None, 4),
        (1, 5, 2),
    ]


def test_an_answer_that_cannot_be_written_is_told_counted_and_goes_to_the_others():
    bad, good = Link(fault=OutputError("the cable is out")), Link()
    plant, _, notes = plant_of(bad, good)
    plant.answer(inspection())
    assert plant.unwritten == 1
    assert len(good.answers) == 1
    assert [code for code, _ in notes] == ["plc.unwritten"]
    assert "the cable is out" in notes[0][1]


def test_an_answer_counts_what_was_seen():
    said = plant_answer(inspection(3, Verdict.FAIL, 0.5, 0.9), PlantTrigger(7, 0.0, order=2))
    assert (said.trigger, said.order, said.inspection) == (7, 2, 3)
    assert (said.verdict, said.count) == (Verdict.FAIL, 4)
    assert said.confidence == pytest.approx(0.9)
    assert (said.product, said.serial, said.detail) == ("cap", "S", "dent")
    assert plant_answer(inspection(3, Verdict.PASS), None).confidence == 0.0


def test_what_the_control_says_is_noted_and_a_lost_one_is_an_alarm_until_it_is_back():
    link = Link()
    plant, _, notes = plant_of(link)
    link.hear(PlantNote("plc.lost", 1.0, "the control is away"))
    assert plant.alarms == ("the control is away",)
    link.hear(PlantNote("plc.back", 2.0, "the control is back"))
    assert plant.alarms == ()
    link.hear(TriggerRefused(5, 3.0, "trigger 5 came before the answer to 4 was acknowledged"))
    assert plant.refused == 1
    link.hear(ProductChosen("cap-blue", 4.0))
    assert plant.product == "cap-blue"
    assert [code for code, _ in notes] == ["plc.lost", "plc.back", "plc.trigger_refused", "plc.product"]


def test_the_state_is_told_when_it_changes():
    link = Link()
    plant, _, _ = plant_of(link)
    for state in (LineState.READY, LineState.READY, LineState.STOPPING):
        plant.tell(state)
    assert link.states == [LineState.STARTING, LineState.READY, LineState.STOPPING]


def test_a_link_that_can_never_work_is_refused_and_the_others_are_closed():
    good, bad = Link(), Link(cannot_start=OutputError("the port is taken"))
    plant = Plant([good, bad], post=lambda _: None, note=lambda *_: None)
    with pytest.raises(OutputError, match="port"):
        plant.start()
    assert good.closed == 1


def test_a_state_that_a_link_did_not_take_is_told_again_after_growing_pauses():
    bad, good = Link(), Link()
    plant, posted, notes = plant_of(bad, good)
    bad.cannot_tell = OutputError("the station is away")
    plant.tell(LineState.READY)
    assert good.states[-1] is LineState.READY
    assert [code for code, _ in notes] == ["plc.unwritten"]
    assert "link 0 to the plant does not take" in plant.alarms[0]
    for now_s in (0.0, 0.01, 0.1, 0.2, 0.3):
        plant.work(now_s)
    assert len(notes) == 1, "an attempt that fails again is no news"
    bad.cannot_tell = None
    plant.work(0.4)
    assert bad.states[-1] is not LineState.READY, "the pause is not over"
    plant.work(5.0)
    assert bad.states[-1] is LineState.READY
    assert [code for code, _ in notes] == ["plc.unwritten", "plc.told"]
    assert plant.alarms == ()
    assert posted == []


def test_a_newer_state_takes_the_place_of_one_that_was_not_told():
    link = Link()
    plant, _, _ = plant_of(link)
    link.cannot_tell = OutputError("away")
    plant.tell(LineState.READY)
    link.cannot_tell = None
    plant.tell(LineState.FAULT)
    plant.work(100.0)
    assert link.states[-1] is LineState.FAULT
    assert LineState.READY not in link.states


@pytest.mark.parametrize(
    ("fault", "stops"),
    [
        (OutputError("away"), False),
        (ZeroDivisionError("oh"), False),
        (SettingsError("the map has no such tag"), True),
        (NotInstalledError("pymodbus is gone"), True),
    ],
)
def test_a_link_that_only_people_can_mend_asks_for_the_line_to_stop(fault, stops):
    plant, posted, _ = plant_of(Link(fault=fault))
    plant.answer(inspection())
    assert plant.unwritten == 1
    assert [news.fault.error for news in posted] == ([fault] if stops else [])
