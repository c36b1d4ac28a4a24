// Bars that move while work goes on; what begins or ends is shown as the server would show it.

import { get, isOpen, sayOwn as say, SignedOut, textsOf } from "./server.js";
import { local, localFields, showLocal, utc } from "./times.js";

const DATA = textsOf("data");
const BUSY_MS = 1000;
const QUIET_MS = 5000;
const live = () => document.getElementById("live");

let timer = null;
let heard = "";

// -- how far ---------------------------------------------------------------------------------------

function left(seconds) {
  if (seconds === null) return say("left-unknown");
  if (seconds >= 3600) return say("left-hours", { count: Math.round(seconds / 360) / 10 });
  if (seconds >= 90) return say("left-minutes", { count: Math.round(seconds / 60) });
  return seconds >= 5 ? say("left-seconds", { count: Math.round(seconds) }) : say("left-soon");
}

function showBar(run) {
  const bar = document.querySelector(`.bar[data-run="${run.id}"]`);
  if (!bar) return;
  bar.querySelector("progress").value = run.progress;
  put(bar.querySelector(".share"), say("share", { percent: Math.floor(100 * run.progress) }));
  put(bar.querySelector(".left"), left(run.seconds_left));
  if (run.words) put(bar.querySelector(".words"), run.words);
  if (run.cancelled_by) put(bar.querySelector(".ending"), say("ending", { by: run.cancelled_by }));
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function showLog(lines) {
  const list = document.getElementById("lines");
  if (!list) return;
  const newest = Number(list.lastElementChild?.dataset.at ?? 0);
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 8;
  for (const line of lines.filter((one) => one.at > newest)) {
    const time = document.createElement("time");
    time.dateTime = new Date(line.at).toISOString();
    time.textContent = local(line.at);
    time.title = utc(line.at);
    const words = document.createElement("span");
    words.dir = "auto";
    words.textContent = line.words;
    const item = document.createElement("li");
    item.dataset.at = line.at;
    item.append(time, " ", words);
    list.append(item);
  }
  if (lines.length) document.getElementById("no-log")?.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
}

// Told politely: a new stage or another quarter, never each second.
function announce(run) {
  const now = `${run.words.replace(/\d+/g, "")} ${Math.floor(4 * run.progress)}`;
  if (now === heard) return;
  heard = now;
  const values = { percent: Math.floor(100 * run.progress), words: run.words };
  document.getElementById("said").textContent = say("said", values);
}

// -- what changed ----------------------------------------------------------------------------------

async function anew() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
  if (!answer.ok || !found) return location.reload();
  const focused = live().contains(document.activeElement) ? document.activeElement.id : "";
  live().replaceWith(document.adoptNode(found));
  showLocal(live());
  if (focused) document.getElementById(focused)?.focus();
  return null;
}

async function lookAtList() {
  const work = await get("/api/v1/work");
  const shown = new URLSearchParams(location.search).get("detector");
  const mine = (one) => !shown || one.detector === shown;
  const ids = (rows) => rows.filter(mine).map((one) => String(one.id)).sort().join();
  const drawn = (kind) => [...live().querySelectorAll(`[data-${kind}]`)].map((one) => one.dataset[kind]).sort().join();
  if (ids(work.running) !== drawn("run") || ids(work.waiting) !== drawn("request")) await anew();
  work.running.forEach(showBar);
  return work.running.length + work.waiting.length ? BUSY_MS : QUIET_MS;
}

async function lookAtRun(id) {
  const run = await get(`/api/v1/runs/${id}`);
  showBar(run);
  showLog(run.log);
  if (run.state === "running") announce(run);
  return run.state;
}

async function lookAtRequest() {
  const request = await get(`/api/v1/requests/${DATA.id}`);
  const changed = request.state !== live().dataset.state || String(request.run ?? "") !== (live().dataset.of ?? "");
  const open = isOpen(request);
  if (open && changed) await anew();
  if (open && request.run !== null) await lookAtRun(request.run);
  return over(open ? "running" : request.state);
}

// Ends the looking when work has ended: shows how, and says so.
async function over(state) {
  if (state === "running") return BUSY_MS;
  await anew();
  document.getElementById("said").textContent = say(`ended-${state}`);
  return null;
}

const lookAtRunAlone = async () => over(await lookAtRun(DATA.id));
const LOOK = { list: lookAtList, runs: lookAtRunAlone, requests: lookAtRequest }[DATA.kind];

async function look() {
  timer = null;
  let wait;
  try {
    wait = await LOOK();
  } catch (error) {
    if (error instanceof SignedOut) return location.reload();
    wait = QUIET_MS; // the server is away; it is asked again
  }
  if (wait !== null && !document.hidden) timer = setTimeout(look, wait);
  else if (wait === null) document.removeEventListener("visibilitychange", turn);
  return null;
}

function turn() {
  clearTimeout(timer);
  timer = null;
  if (!document.hidden) look();
}

const ENDED = ["done", "failed", "interrupted", "cancelled"];
if (!ENDED.includes(live().dataset.state)) {
  document.addEventListener("visibilitychange", turn);
  timer = setTimeout(look, BUSY_MS);
}

// -- the form --------------------------------------------------------------------------------------

const form = document.getElementById("begin-form");
if (form) {
  const times = [form.elements.from, form.elements.to];
  localFields(form);
  const showParts = () => {
    for (const part of form.querySelectorAll("[data-for]")) part.hidden = part.dataset.for !== form.elements.kind.value;
    for (const field of times) field.required = form.elements.kind.value === "backfill";
  };
  form.addEventListener("change", showParts);
  showParts();
}
