// The server renders everything; this saves without leaving the page, keeps it in step with the
// fields, and shows beside each UTC time what the clock on the wall said.

import { say, sayOwn, send } from "./server.js";
import { LOCALE } from "./times.js";

const form = document.getElementById("label");
const outcome = document.getElementById("outcome");
const save = document.getElementById("save");
let looking = null;

function text(name) {
  return form.elements[name].value.trim();
}

function tagFields() {
  return [...form.querySelectorAll("[data-tag]")];
}

function address() {
  const parameters = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (name !== "csrf_token" && value.trim()) parameters.set(name, value.trim());
  }
  return `${form.getAttribute("action")}?${parameters}`;
}

function showLocalTimes() {
  for (const name of ["from", "to"]) {
    const output = document.getElementById(`${name}-local`);
    const time = new Date(`${text(name)}Z`);
    output.value = Number.isNaN(time.getTime())
      ? ""
      : sayOwn("your-clock", { time: time.toLocaleString(LOCALE, { dateStyle: "medium", timeStyle: "long" }) });
  }
}

function tell(words, tone) {
  outcome.textContent = words;
  outcome.className = `outcome ${tone}`;
  outcome.hidden = false;
}

// Takes over parts of the page as the server would show it for what the fields hold now.
async function lookAgain(parts) {
  if (looking) looking.abort();
  looking = new AbortController();
  const where = address();
  try {
    const answer = await fetch(where, { signal: looking.signal });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of parts) {
      const fresh = page.getElementById(part);
      if (fresh) document.getElementById(part).replaceWith(fresh);
    }
    history.replaceState(null, "", where);
  } catch (error) {
    if (error.name !== "AbortError") tell(say("unreachable"), "bad");
  }
}

function statement() {
  const tags = {};
  for (const field of tagFields()) {
    if (field.value.trim()) tags[field.dataset.tag] = field.value.trim();
  }
  return {
    detector: text("detector"),
    kind: text("kind"),
    from: `${text("from")}Z`,
    to: `${text("to")}Z`,
    tags,
    note: text("note"),
  };
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  save.disabled = true;
  try {
    const said = statement();
    const [label] = await send("POST", "/api/v1/labels", said);
    const about = { number: label.id, detector: label.detector, kind: label.kind, series: label.series || sayOwn("whole") };
    tell(sayOwn("saved", about), "good");
    await lookAgain(["overlaps"]);
  } catch (error) {
    tell(error.message, "bad");
  } finally {
    save.disabled = false;
    save.focus();
  }
});

form.addEventListener("input", showLocalTimes);

form.addEventListener("change", (event) => {
  const parts = ["notices", "overlaps", "next"];
  if (event.target.name === "detector") parts.push("tags");
  if (event.target.name !== "note") lookAgain(parts);
});

showLocalTimes();
