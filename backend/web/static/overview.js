// The overview renews itself, and finds series while one types, without losing place or focus.

import { sayOwn as say } from "./server.js";
import { showLocal } from "./times.js";

const EVERY_MS = 30_000;
const PAUSE_MS = 120;

const form = document.getElementById("find");
const rows = document.getElementById("rows");
const stale = document.getElementById("stale");
let address = new URL(location.href);
let asking = null;
let pause = null;

// -- what is shown ----------------------------------------------------------------------------------

async function page(where, signal) {
  const answer = await fetch(where, { signal, headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) throw new Error(say("answered", { status: answer.status }));
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

// What tells the same control before and after: its key, its address, its words.
function keyOf(element) {
  return element.dataset.key ?? element.getAttribute("href") ?? element.id ?? "";
}

function swap(region, fresh) {
  const chosen = getSelection();
  if (!chosen.isCollapsed && region.contains(chosen.anchorNode)) return;
  if (region.innerHTML === fresh.innerHTML) return;
  const focused = region.contains(document.activeElement) ? keyOf(document.activeElement) : null;
  const folded = new Map([...region.querySelectorAll("details")].map((one) => [keyOf(one), one.open]));
  region.replaceChildren(...fresh.childNodes);
  showLocal(region);
  for (const one of region.querySelectorAll("details")) {
    if (folded.has(keyOf(one))) one.open = folded.get(keyOf(one));
  }
  if (focused === null) return;
  const same = [...region.querySelectorAll("a, button, summary")].find((one) => keyOf(one) === focused);
  same?.focus({ preventScroll: true });
}

// -- finding ----------------------------------------------------------------------------------------

function wanted() {
  const next = new URL(form.action);
  for (const [name, value] of new FormData(form)) if (value) next.searchParams.set(name, value);
  if (next.searchParams.get("sort") === "state") next.searchParams.delete("sort");
  return next;
}

async function find(next, { push = false } = {}) {
  clearTimeout(pause);
  asking?.abort();
  asking = new AbortController();
  const own = asking;
  const where = new URL(next);
  where.searchParams.set("part", "series");
  rows.setAttribute("aria-busy", "true");
  try {
    const found = await page(where, own.signal);
    if (own !== asking) return;
    address = next;
    history[push ? "pushState" : "replaceState"](null, "", next);
    swap(rows, found.body);
    rows.dataset.found = next.search;
    fresh();
  } catch (error) {
    if (error.name !== "AbortError") old(error);
  } finally {
    if (own === asking) rows.removeAttribute("aria-busy");
  }
}

function typed() {
  clearTimeout(pause);
  pause = setTimeout(() => find(wanted()), PAUSE_MS);
}

function fillForm(from) {
  for (const name of ["q", "detector", "state"]) form.elements[name].value = from.searchParams.get(name) ?? "";
  form.elements.sort.value = from.searchParams.get("sort") ?? "state";
}

form.addEventListener("input", typed);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  find(wanted());
});
rows.addEventListener("click", (event) => {
  const link = event.target.closest(".choices a, .pager a, .empty a");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const next = new URL(link.href);
  if (next.pathname !== location.pathname) return;
  event.preventDefault();
  fillForm(next);
  const top = link.closest(".pager") !== null;
  find(next, { push: true }).then(() => {
    if (top) form.scrollIntoView({ block: "start" });
  });
});
addEventListener("popstate", () => {
  const next = new URL(location.href);
  fillForm(next);
  find(next);
});

// -- renewing ---------------------------------------------------------------------------------------

async function renew() {
  if (document.hidden || rows.hasAttribute("aria-busy")) return;
  const before = address;
  try {
    const found = await page(before);
    for (const region of document.querySelectorAll("[data-live]")) {
      // Whoever searched meanwhile sees what was searched for.
      if (region === rows && (before !== address || rows.hasAttribute("aria-busy"))) continue;
      const same = found.getElementById(region.id);
      if (same) swap(region, same);
    }
    fresh();
    document.documentElement.dataset.renewed = String(Number(document.documentElement.dataset.renewed ?? 0) + 1);
  } catch (error) {
    old(error);
  }
}

function fresh() {
  stale.hidden = true;
}

function old(error) {
  stale.textContent = say("stale", { why: error.message });
  stale.hidden = false;
}

setInterval(renew, EVERY_MS);
document.addEventListener("visibilitychange", renew);
addEventListener("renew", renew);
form.querySelector("button").hidden = true;
document.documentElement.dataset.ready = "overview";
