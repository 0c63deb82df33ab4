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
      all.hidden = false;
      all.checked = boxes.length > 0 && chosen === boxes.length;
      all.indeterminate = chosen > 0 && chosen < boxes.length;
    }
    const says = group.querySelector("[data-chosen]");
    if (says) says.textContent = says.dataset.chosen.replace("{n}", chosen);
    const note = group.querySelector("[data-chosen-requested]");
    if (note) {
      const requested = boxes.filter((box) => box.checked && box.dataset.requested !== undefined).length;
      note.textContent = note.dataset.chosenRequested.replace("{n}", requested);
      note.hidden = requested === 0;
    }
  };
  const countAndSay = (group) => {
    count(group);
    politely(group.querySelector("[data-chosen]")?.textContent);
  };
  document.addEventListener("change", (event) => {
    const group = event.target.closest("[data-choices]");
    if (!group) return;
    if (event.target.matches("[data-choose-all]")) {
      for (const box of group.querySelectorAll("[data-choose]")) box.checked = event.target.checked;
    }
    countAndSay(group);
  });
  document.addEventListener("reset", (event) => {
    if (event.target.matches("[data-choices]")) setTimeout(() => countAndSay(event.target));
  });

  /* The list of orders by keyboard. No key is taken while somebody types, with another key held, or when switched off. */
  const KEYS = "keys";
  const keysAreOn = () => {
    try { return localStorage.getItem(KEYS) !== "off"; } catch { return true; }
  };
  const showKeys = () => {
    const panel = document.querySelector("[data-keys]");
    if (!panel) return;
    panel.hidden = false;
    panel.querySelector("[data-keys-on]").checked = keysAreOn();
  };
  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-keys-on]")) return;
    try { localStorage.setItem(KEYS, event.target.checked ? "on" : "off"); } catch { /* this page only */ }
  });
  let cameFrom = null; // where the list of keys was opened from
  const byKey = {
    j: (here, rows) => (rows[rows.indexOf(here) + 1] ?? here)?.querySelector("[data-open]").focus(),
    k: (here, rows) => (rows[rows.indexOf(here) - 1] ?? here)?.querySelector("[data-open]").focus(),
    x: (here) => here?.querySelector("[data-choose]")?.click(),
    o: (here) => here?.querySelector("[data-open]").click(),
    c: (here) => here?.querySelector("[data-cancel]")?.click(),
    "?": (here, rows, panel) => {
      panel.open = !panel.open;
      if (panel.open) cameFrom = document.activeElement;
      const goesTo = !panel.open && cameFrom?.isConnected ? cameFrom : panel.querySelector("summary");
      goesTo.focus();
    },
  };
  document.addEventListener("keydown", (event) => {
    const panel = document.querySelector("[data-keys]");
    const types = event.target.matches("input:not([type=checkbox]), select, textarea, [contenteditable]");
    if (!panel || types || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    const act = Object.hasOwn(byKey, event.key) && keysAreOn() && byKey[event.key];
    if (!act) return;
    event.preventDefault();
    act(document.activeElement.closest("[data-order]"), [...document.querySelectorAll("[data-order]")], panel);
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

  /* A second question is about what was chosen: another choice takes it away, and the form is sent anew. */
  document.addEventListener("input", (event) => {
    const form = event.target.matches("select, [data-matters]") ? event.target.form : null;
    const unasked = form?.querySelector("template[data-unasked]");
    if (!unasked) return;
    form.querySelector("#ask").remove();
    unasked.replaceWith(unasked.content.cloneNode(true));
  });

  /* Signed out meanwhile: what was typed stays, and a line says so where the answer would stand. */
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const words = event.target.closest("[data-ended]")?.dataset.ended;
    if (!words || !event.detail.xhr.getResponseHeader("HX-Redirect")) return;
    event.preventDefault();
    event.detail.target.textContent = words;
  });

  /* One choice for all choices whose names begin alike; told before the server is asked what it means. */
  document.addEventListener("change", (event) => {
    const names = event.target.dataset.forAll;
    if (names === undefined) return;
    for (const each of event.target.form.elements) {
      if (each.name.startsWith(names)) each.value = event.target.value;
    }
  }, true);

  /* An answer made of parts, each for a place of its own: a thousand of them at once, which htmx takes half a minute for. */
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!event.detail.serverResponse.includes("data-part=")) return;
    const answer = new DOMParser().parseFromString(event.detail.serverResponse, "text/html");
    for (const part of answer.querySelectorAll("[data-part]")) {
      document.getElementById(part.dataset.part)?.replaceChildren(...part.childNodes);
    }
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
    if (event.target.closest?.("main")) politely(document.querySelector("main [data-says]")?.textContent.trim());
    for (const group of event.target.querySelectorAll?.("[data-choices]") ?? []) count(group);
    showKeys();
  });
  document.addEventListener("htmx:beforeRequest", (event) => event.detail.target.setAttribute("aria-busy", "true"));
  document.addEventListener("htmx:afterRequest", (event) => event.detail.target.removeAttribute("aria-busy"));
  /* The connection is lost: one line that stays until something comes back. */
  const offline = (is) => {
    const line = document.getElementById("offline");
    if (!line || line.hidden !== is) return;
    line.textContent = is ? document.body.dataset.offline : "";
    line.hidden = !is;
  };
  for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.addEventListener(failure, () => offline(true));
  }
  document.addEventListener("htmx:beforeOnLoad", () => offline(false));

  /* Live figures: asked for more and more seldom while nothing changes or nothing answers, never in a hidden tab. */
  const figures = document.getElementById("figures");
  if (figures) {
    const SOON = 15_000, LATEST = 240_000;
    const said = { requested: figures.dataset.saysRequested, unread: figures.dataset.saysUnread };
    const seen = {};
    for (const name in said) seen[name] = document.querySelector(`[data-figure=${name}]`)?.textContent;
    let wait = SOON, timer = 0, lastMark = "";
    const again = () => {
      clearTimeout(timer);
      if (!document.hidden && figures.isConnected) timer = setTimeout(look, wait);
    };
    const look = () => window.htmx && htmx.trigger(figures, "look");
    const show = ({ shown, units, mark }) => {
      for (const place of document.querySelectorAll("[data-figure]")) {
        const figure = shown[place.dataset.figure];
        place.textContent = place.dataset.says ? place.dataset.says.replace("{n}", figure) : figure;
      }
      for (const place of document.querySelectorAll("[data-unit]")) place.textContent = units[place.dataset.unit];
      for (const pill of document.querySelectorAll("[data-figure-pill]")) pill.hidden = shown[pill.dataset.figurePill] === "0";
      const news = Object.keys(said).filter((name) => seen[name] !== undefined && seen[name] !== shown[name]);
      politely(news.map((name) => said[name].replace("{n}", shown[name])).join(" "));
      for (const name in said) seen[name] = shown[name];
      lastMark = mark;
      wait = SOON / 2;
    };
    figures.addEventListener("figures", (event) => show(event.detail));
    figures.addEventListener("htmx:configRequest", (event) => {
      if (lastMark) event.detail.parameters.seen = lastMark;
    });
    figures.addEventListener("htmx:beforeOnLoad", (event) => {
      if (event.detail.xhr.getResponseHeader("HX-Redirect")) {
        event.preventDefault(); // signed out meanwhile: whoever is typing finds out when they act
        figures.remove();
      }
    });
    figures.addEventListener("htmx:afterRequest", () => {
      wait = Math.min(wait * 2, LATEST);
      again();
    });
    document.addEventListener("visibilitychange", () => {
      wait = SOON;
      if (document.hidden) clearTimeout(timer);
      else look();
    });
    again();
  }

  /* The button that opens the browser's own printing, in the place of the words that say where to find that. */
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.nextElementSibling.hidden = true;
    button.addEventListener("click", () => print());
  }

  for (const place of document.querySelectorAll("[data-until]")) countDown(place);
  for (const group of document.querySelectorAll("[data-choices]")) count(group);
  showKeys();
  for (const box of document.querySelectorAll("[data-unlocks]")) interlock(box);
  arrive();
})();
