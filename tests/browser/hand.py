"""Somebody's hand on a page, and the ways in which people work."""

import re
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext, override
from playwright.sync_api import Locator, Page, expect

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
# More stops than any page of these has before its last button.
STOPS = 120


@dataclass(frozen=True)
class Way:
    """How somebody works: in which language, with which window, with the keyboard alone or by touch."""

    language: str = "ja"
    script: bool = True
    by_keyboard: bool = False
    on_phone: bool = False


WAYS = {
    "by keyboard": Way(by_keyboard=True),
    "on a phone in English without script": Way(language="en", script=False, on_phone=True),
}


@dataclass
class Hand:
    """Somebody's hand on a page; words are given in Japanese and looked for in the page's language."""

    page: Page
    way: Way

    def words(self, text: str, **facts: str) -> str:
        """The words as this page says them."""
        with override(self.way.language):
            return gettext(text) % facts

    def press(self, words: str, *, role: str = "button") -> None:
        """Press a button of the page's own part, or follow a link."""
        self.use(self.page.get_by_role("main").get_by_role(role, name=self.words(words), exact=True).first)

    def fill(self, label: str, text: str) -> None:
        """Write into a field."""
        self.write(self._field(label), text)

    def choose(self, label: str, value: str, **facts: str) -> None:
        """Choose from a list by value."""
        self.pick(self._field(label, **facts), value)

    def mark(self, label: str) -> None:
        """Choose one of several; by keyboard the group is one stop, and arrows go through it."""
        button = self._field(label)
        if not self.way.by_keyboard:
            button.click()
            return
        name = button.get_attribute("name")
        self._tab_to(self.page.locator(f'input[type=radio][name="{name}"]').first)
        for _ in range(20):
            if button.is_checked():
                return
            self.page.keyboard.press("ArrowDown")
        raise AssertionError(f"no arrow leads to {label}")

    def tick(self, label: str) -> None:
        """Tick a box, or clear one that is ticked."""
        self.use(self._field(label), key="Space")

    def fill_day(self, label: str, day: date) -> None:
        """Write into a field for a date: by keyboard part by part, as this browser has them."""
        field = self._field(label)
        if not self.way.by_keyboard:
            field.fill(day.isoformat())
            return
        self._tab_to(field)
        self.page.keyboard.type(f"{day:%m%d%Y}")
        assert field.input_value() == day.isoformat()

    def give_file(self, label: str, path: str) -> None:
        """Choose a file; the dialogue is the system's, so that only the way to its button is walked."""
        field = self._field(label)
        if self.way.by_keyboard:
            self._tab_to(field)
        field.set_input_files(path)

    def use(self, control: Locator, *, key: str = "Enter") -> None:
        """Press a control that has no label of its own words."""
        expect(control).to_be_visible()
        if self.way.by_keyboard:
            self._tab_to(control)
            self.page.keyboard.press(key)
        else:
            control.click()

    def write(self, field: Locator, text: str) -> None:
        """Write into a field, in the place of what stands there."""
        if self.way.by_keyboard:
            self._tab_to(field)
            self.page.keyboard.press("ControlOrMeta+a")
            self.page.keyboard.type(text)
        else:
            field.fill(text)

    def pick(self, field: Locator, value: str) -> None:
        """Choose from a list by value, and look at what the page answers before going on."""
        self._select(field, value)
        expect(self.page.locator(".htmx-request")).to_have_count(0)

    def _select(self, field: Locator, value: str) -> None:
        if not self.way.by_keyboard:
            field.select_option(value)
            return
        self._tab_to(field)
        self.page.keyboard.press("Home")
        for _ in range(20):
            if field.input_value() == value:
                return
            self.page.keyboard.press("ArrowDown")
        raise AssertionError(f"{field} offers no {value}")

    def is_told(self) -> None:
        """Require that the page says what became of the act."""
        expect(self.page.locator("#said")).to_be_visible()

    def _field(self, label: str, **facts: str) -> Locator:
        # What is optional says so after its label.
        starts_so = re.compile("^" + re.escape(self.words(label, **facts)))
        return self.page.get_by_role("main").get_by_label(starts_so).first

    def _tab_to(self, control: Locator) -> None:
        """Reach a control by the Tab key, and require that it shows so."""
        for _ in range(STOPS):
            if control.evaluate("it => it === document.activeElement"):
                ring = control.evaluate("it => getComputedStyle(it).outlineStyle + getComputedStyle(it).boxShadow")
                assert ring != "nonenone", f"{control} shows no ring"
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{control} is not in the tab order")
