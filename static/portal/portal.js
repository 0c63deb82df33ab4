/* Comfort for pages that work without it: menus close, time ticks, results are read out. */
"use strict";
(() => {
  const politely = (text) => {
    const region = document.getElementById("polite");
    if (region && text) region.textContent = text;
  };

  /* Menus: native <details>; Escape and a click elsewhere close them. */
  const MENUS = "details[data-menu][open]";
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector(MENUS);
    if (!open) return;
    const inside = open.contains(document.activeElement);
    open.open = false;
    if (inside) open.querySelector("summary").focus();
  });
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll(MENUS)) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  /* The person lands where the answer is: the error summary, or the second question. */
  const arrive = () => {
    const target = document.querySelector(".errors[tabindex]") || document.getElementById("ask");
    if (target) target.focus();
  };

  /* A sent form says so and cannot be sent again by hand. */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    const button = event.submitter;
    if (!button || button.dataset.still !== undefined) return;
    setTimeout(() => {
      button.dataset.label = button.textContent;
      button.textContent = document.body.dataset.sending;
      for (const each of form.querySelectorAll("button[type=submit], button:not([type])")) each.disabled = true;
    });
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const button of document.querySelectorAll("button[data-label]")) button.textContent = button.dataset.label;
    for (const button of document.querySelectorAll("form[method=post] button:disabled")) button.disabled = false;
  });

  /* One box for all boxes of its group, and how many are chosen. */
  const count = (group) => {
    const boxes = [...group.querySelectorAll("[data-choose]")];
    const chosen = boxes.filter((box) => box.checked).length;
    const all = group.querySelector("[data-choose-all]");
    if (all) {
      all.checked = boxes.length > 0 && chosen === boxes.length;
      all.indeterminate = chosen > 0 && chosen < boxes.length;
    }
    const says = group.querySelector("[data-chosen]");
    if (says) says.textContent = says.dataset.chosen.replace("{n}", chosen);
  };
  document.addEventListener("change", (event) => {
    const group = event.target.closest("[data-choices]");
    if (!group) return;
    if (event.target.matches("[data-choose-all]")) {
      for (const box of group.querySelectorAll("[data-choose]")) box.checked = event.target.checked;
    }
    count(group);
  });

  /* The box that must be ticked before the button works. The server asks as well. */
  const interlock = (box) => {
    const button = document.getElementById(box.dataset.unlocks);
    if (button) button.disabled = !box.checked;
  };
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-unlocks]")) interlock(event.target);
  });

  /* Out of stock turns the usual choice for the stock round; the person may turn it back. */
  document.addEventListener("change", (event) => {
    const reasons = event.target.dataset.notRestocked;
    const box = reasons === undefined ? null : event.target.form.elements.restock;
    if (!box) return;
    const shownFor = event.target.form.elements.restock_for;
    const kind = (reason) => reasons.split(" ").includes(reason);
    if (kind(event.target.value) !== kind(shownFor.value)) box.checked = !kind(event.target.value);
    shownFor.value = event.target.value;
  });

  /* The direct window runs out: the button changes by itself, the server still decides. */
  const countDown = (place) => {
    const skew = Date.parse(place.dataset.now) - Date.now();
    const end = Date.parse(place.dataset.until);
    const shows = place.querySelector("[data-left]");
    const tick = () => {
      const left = end - (Date.now() + skew);
      if (left < 0) {
        clearInterval(timer);
        const hadFocus = place.contains(document.activeElement);
        const later = place.querySelector("template").content.cloneNode(true);
        place.replaceChildren(later);
        if (hadFocus) place.querySelector("a, button")?.focus();
        politely(place.dataset.over);
        return;
      }
      const seconds = Math.floor(left / 1000);
      if (shows) shows.textContent = shows.dataset.left.replace("{m}", Math.floor(seconds / 60)).replace("{s}", seconds % 60);
    };
    const timer = setInterval(tick, 1000);
    tick();
  };

  /* After htmx has put in new content: say what the list shows, or that nothing came back. */
  document.addEventListener("htmx:afterSettle", (event) => {
    politely(document.querySelector("[data-says]")?.textContent.trim());
    for (const group of event.target.querySelectorAll?.("[data-choices]") ?? []) count(group);
  });
  document.addEventListener("htmx:beforeRequest", (event) => event.detail.target.setAttribute("aria-busy", "true"));
  document.addEventListener("htmx:afterRequest", (event) => event.detail.target.removeAttribute("aria-busy"));
  for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.addEventListener(failure, () => politely(document.body.dataset.offline));
  }

  for (const place of document.querySelectorAll("[data-until]")) countDown(place);
  for (const group of document.querySelectorAll("[data-choices]")) count(group);
  for (const box of document.querySelectorAll("[data-unlocks]")) interlock(box);
  arrive();
})();
