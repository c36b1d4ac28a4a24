// The label studio: ranges are marked, said, moved, split, merged and taken back.

import { number } from "./chart.js";
import { Book, draftOf, modeOf, tagsOf, withMode, withoutMode } from "./labels_book.js";
import { Kept } from "./labels_kept.js";
import { Strip } from "./labels_strip.js";
import { get, sayOwn as words, SignedOut, textsOf } from "./server.js";
import { fromField, local, localFields, toField } from "./times.js";

const DATA = textsOf("data");
const SOON_MS = 250;
const LATER_MS = 700;

const by = (id) => document.getElementById(id);
const studio = by("studio");
const editor = by("editor");
const told = by("told");
const book = new Book(DATA.detector);
const kept = new Kept(DATA.detector);

const state = { mark: null, anchor: null, cursor: null, editing: null, marking: DATA.mayLabel, suggestions: [] };
const timers = {};

function later(name, wait, act) {
  clearTimeout(timers[name]);
  timers[name] = setTimeout(act, wait);
}

// -- words ------------------------------------------------------------------------------------------

function tell(text, tone = "good", place = null) {
  told.className = `outcome ${tone}`;
  told.replaceChildren(text);
  if (!place) return;
  const link = document.createElement("a");
  link.href = `${place}?${new URLSearchParams({ next: location.pathname + location.search })}`;
  link.textContent = words("sign-in");
  told.append(" ", link);
}

function length(ms) {
  const units = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000], ["second", 1000]];
  const first = units.findIndex(([, size]) => ms >= size);
  if (first < 0) return words("second", { count: 0 });
  const parts = [];
  let rest = ms;
  for (const [name, size] of units.slice(first, first + 2)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count) parts.push(words(name, { count }));
  }
  return parts.join(" ");
}

function describe(label) {
  const note = label.note ? `, ${label.note}` : "";
  return words("label", { kind: words(`kind-${label.kind}`), from: local(label.time), to: local(label.time_end), note });
}

// -- the view ---------------------------------------------------------------------------------------

const forStrips = {
  view: follow,
  key,
  laneKey,
  describe,
  snapped,
  mark: markBy,
  marked: keep,
  move: saveMoved,
  opened: () => state.editing?.id,
  choose,
  point,
};
const sections = document.querySelectorAll(".strip");
const strips = DATA.series.map(
  (series, place) => new Strip(sections[place], series, { data: DATA, words, acts: forStrips, channel: () => by("channel").value }),
);

let following = false;

function follow(from, view) {
  if (following) return;
  following = true;
  for (const strip of strips) if (strip !== from) strip.chart.show(view.from, view.to);
  following = false;
  const place = new URL(location);
  place.searchParams.set("from", Math.round(view.from));
  place.searchParams.set("to", Math.round(view.to));
  history.replaceState(null, "", place);
  setRange(view);
  drawLabels();
  later("labels", SOON_MS, () => readLabels());
  later("suggestions", LATER_MS, () => readSuggestions());
}

function view() {
  return strips[0].chart.view;
}

function setRange({ from, to }) {
  const { elements } = by("range");
  elements.from.value = toField(from);
  elements.to.value = toField(to);
}

async function readLabels() {
  const { from, to } = view();
  try {
    await book.read(Math.max(from - (to - from), 0), to + (to - from));
  } catch (error) {
    refused(error);
  }
  if (state.editing && !book.find(state.editing.id) && seen(state.editing)) state.editing = null;
  drawLabels();
  drawEditor();
}

function seen(label) {
  return label.time < view().to && label.time_end > view().from;
}

async function readSuggestions() {
  const asked = new URLSearchParams({ from: Math.round(view().from), to: Math.round(view().to) });
  for (const { key: series } of DATA.series) if (series) asked.append("series", series);
  try {
    const found = await get(`${book.api}/suggestions?${asked}`);
    const refusedOnes = new Set(kept.refused());
    state.suggestions = found.filter((one) => !refusedOnes.has(nameOf(one)));
  } catch (error) {
    refused(error);
  }
  drawLabels();
  drawSuggestions();
}

function nameOf(one) {
  return `${one.kind}/${one.series}/${one.time}/${one.time_end}`;
}

function drawLabels() {
  for (const strip of strips) strip.show(book.labels, state.suggestions, state.editing?.id);
  drawMark();
}

function drawMark() {
  const mark = state.mark && { ...state.mark, kind: kind() };
  for (const strip of strips) strip.place(mark, state.cursor);
}

// -- the mark ---------------------------------------------------------------------------------------

function snap(time) {
  return Math.round(time / DATA.step) * DATA.step;
}

function snapped(one, other) {
  const [from, to] = [snap(Math.min(one, other)), snap(Math.max(one, other))];
  return { from, to: Math.max(to, from + DATA.step) };
}

function setMark(one, other) {
  state.mark = snapped(one, other);
  drawMark();
  drawEditor();
}

// A new mark leaves the label that is open; an edge of the mark that is there does not.
function markBy(range, edge) {
  if (!edge) leave();
  setMark(range.from, range.to);
}

function leave() {
  if (!state.editing) return;
  state.editing = null;
  drawLabels();
}

function point(time) {
  state.cursor = snap(time);
  state.anchor = null;
  drawMark();
}

function kind() {
  return editor?.elements.kind.value ?? "normal";
}

function setKind(name) {
  editor.elements.kind.value = name;
  kindChanged();
}

function kindChanged() {
  by("mode-field").hidden = kind() !== "normal";
  drawMark();
  keep();
}

function note() {
  return withMode(by("note").value, kind() === "normal" ? by("mode").value : "");
}

function keep() {
  if (!state.mark) return kept.forget();
  return kept.write({
    ...state.mark,
    kind: kind(),
    note: by("note").value,
    mode: by("mode").value,
    whole: by("whole")?.checked ?? false,
    editing: state.editing?.id ?? null,
  });
}

function clear() {
  state.mark = null;
  state.anchor = null;
  state.editing = null;
  by("note").value = "";
  by("mode").value = "";
  by("kept").hidden = true;
  kept.forget();
  drawLabels();
  drawEditor();
}

// A label in the editor.
function open(label) {
  state.editing = label;
  const said = { kind: label.kind, note: withoutMode(label.note), mode: modeOf(label.note), whole: !label.series };
  fillEditor({ from: label.time, to: label.time_end, ...said });
}

function fillEditor({ from, to, kind: name, note: about, mode, whole }) {
  state.mark = { from, to };
  editor.elements.kind.value = name;
  by("note").value = about;
  by("mode").value = mode;
  if (by("whole")) by("whole").checked = whole;
  by("mode-field").hidden = name !== "normal";
}

function choose(label) {
  if (!editor) return;
  if (label.source === "yaml") {
    tell(words("fixed", { id: label.id }), "bad");
    return;
  }
  if (state.mark && !state.editing && by("note").value.trim()) {
    tell(words("save-first"), "bad");
    return;
  }
  open(label);
  drawLabels();
  drawEditor();
  keep();
}

function drawEditor() {
  if (!editor) return;
  const { mark, editing } = state;
  by("editor-title").textContent = editing ? words("edit", { id: editing.id, by: editing.created_by || editing.source }) : words("new");
  editor.querySelector(".of-label").hidden = !editing;
  for (const [id, time] of [["begin", mark?.from], ["end", mark?.to]]) {
    if (document.activeElement !== by(id)) by(id).value = time === undefined ? "" : toField(time);
  }
  by("length").value = mark ? words("length", { length: length(mark.to - mark.from) }) : "";
  act("undo").disabled = !book.done.length;
  act("redo").disabled = !book.undone.length;
}

function act(name) {
  return studio.querySelector(`[data-act="${name}"]`);
}

// -- saying -----------------------------------------------------------------------------------------

function targets() {
  const { editing } = state;
  if (by("whole")?.checked) return [{}];
  if (editing?.series) return [tagsOf(editing.series)];
  return strips.filter((strip) => strip.isMarked).map((strip) => strip.series.tags);
}

async function save() {
  const { mark, editing } = state;
  if (!mark) return tell(words("no-range"), "bad");
  const drafts = targets().map((tags) => ({ kind: kind(), ...mark, tags, note: note() }));
  if (!drafts.length) return tell(words("nothing-marked"), "bad");
  const values = { kind: words(`kind-${kind()}`), from: local(mark.from), to: local(mark.to) };
  const done = await change(drafts, editing ? [editing] : [], words("saved", values));
  if (done) clear();
  return done;
}

// Whatever goes wrong, what is marked stays marked.
async function change(add, remove, said) {
  try {
    await book.change(add, remove);
  } catch (error) {
    refused(error);
    if (!(error instanceof SignedOut)) await readLabels();
    return false;
  }
  tell(said);
  await readLabels();
  readSuggestions();
  return true;
}

function refused(error) {
  if (error.name === "AbortError") return;
  const gone = error instanceof SignedOut;
  const text = words("not-saved", { why: error.message });
  tell(gone ? `${error.message} ${words("kept-signed-out")}` : text, "bad", gone ? error.place : null);
}

// Where it fails, the new range is marked, to be said anew.
async function saveMoved(label, { from, to }) {
  const draft = { ...draftOf(label), from, to };
  if (await change([draft], [label], words("changed"))) return;
  if (state.mark) return;
  open({ ...label, time: from, time_end: to });
  state.editing = book.find(label.id) ?? null;
  keep();
  drawLabels();
  drawEditor();
}

async function remove() {
  const { editing } = state;
  if (!editing) return tell(words("choose-label"), "bad");
  if (await change([], [editing], words("deleted"))) clear();
  return strips[0].element.focus();
}

async function split() {
  const { editing, cursor } = state;
  if (!editing) return tell(words("choose-label"), "bad");
  if (cursor === null || cursor <= editing.time || cursor >= editing.time_end) return tell(words("cursor-outside"), "bad");
  const draft = draftOf(editing);
  const parts = [{ ...draft, to: cursor }, { ...draft, from: cursor }];
  if (await change(parts, [editing], words("changed"))) clear();
  return true;
}

async function merge() {
  const { editing } = state;
  if (!editing) return tell(words("choose-label"), "bad");
  const next = book.labels
    .filter((one) => one.id !== editing.id && one.kind === editing.kind && one.series === editing.series)
    .filter((one) => one.source !== "yaml" && one.time >= editing.time)
    .sort((a, b) => a.time - b.time)[0];
  if (!next) return tell(words("no-next"), "bad");
  const notes = [...new Set([editing.note, next.note].filter(Boolean))].join("; ");
  const whole = { ...draftOf(editing), to: Math.max(editing.time_end, next.time_end), note: notes };
  if (await change([whole], [editing, next], words("changed"))) clear();
  return true;
}

async function turn(back) {
  try {
    const done = back ? await book.undo() : await book.redo();
    tell(words(!done ? "nothing-to-undo" : back ? "undone" : "redone"), done ? "good" : "bad");
  } catch (error) {
    refused(error);
  }
  await readLabels();
  readSuggestions();
}

// -- keyboard ---------------------------------------------------------------------------------------

function moveCursor(direction, extend) {
  const { from, to } = view();
  const step = Math.max(snap((to - from) / 100), DATA.step);
  const before = state.cursor ?? snap((from + to) / 2);
  state.cursor = before + direction * step;
  if (extend && DATA.mayLabel) {
    if (state.anchor === null || !state.mark) {
      state.anchor = before;
      leave();
    }
    setMark(state.anchor, state.cursor);
    keep();
  } else state.anchor = null;
  if (state.cursor < from || state.cursor > to) strips[0].chart.move(direction * 0.25);
  drawMark();
  later("where", SOON_MS, sayWhere);
}

function sayWhere() {
  const { mark, cursor } = state;
  const marked = mark && words("marked", { from: local(mark.from), to: local(mark.to) });
  by("where").textContent = [words("cursor", { time: local(cursor) }), marked].filter(Boolean).join(" · ");
}

function setEdge(name) {
  const { cursor, mark } = state;
  if (cursor === null) return;
  const other = mark ?? { from: cursor, to: cursor + DATA.step };
  const next = { ...other, [name]: cursor };
  if (next.from >= next.to) next[name === "from" ? "to" : "from"] = name === "from" ? cursor + DATA.step : cursor - DATA.step;
  setMark(next.from, next.to);
  keep();
}

const LOOKING = {
  ArrowLeft: (event) => moveCursor(-1, event.shiftKey),
  ArrowRight: (event) => moveCursor(1, event.shiftKey),
  "+": () => strips[0].chart.zoom(0.5, state.cursor ?? undefined),
  "=": () => strips[0].chart.zoom(0.5, state.cursor ?? undefined),
  "-": () => strips[0].chart.zoom(2, state.cursor ?? undefined),
  0: () => strips[0].chart.show(DATA.from, DATA.to),
  PageUp: () => strips[0].chart.move(-0.5),
  PageDown: () => strips[0].chart.move(0.5),
  Home: () => toEnd("from"),
  End: () => toEnd("to"),
  "?": () => by("help").showModal(),
};

const SAYING = {
  "[": () => setEdge("from"),
  "]": () => setEdge("to"),
  n: () => setKind("normal"),
  a: () => setKind("anomaly"),
  x: () => setKind("exclude"),
  s: split,
  m: merge,
  Enter: save,
  Escape: clear,
  Delete: remove,
  Backspace: remove,
};

function toEnd(name) {
  state.cursor = snap(view()[name]);
  drawMark();
  sayWhere();
}

function key(event) {
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const done = LOOKING[name] ?? (DATA.mayLabel ? SAYING[name] : undefined);
  if (!done) return false;
  event.preventDefault();
  done(event);
  return true;
}

// On a label Enter and the space bar choose it, as on every button.
function laneKey(event, label) {
  if (event.ctrlKey || event.metaKey || event.altKey || ["Enter", " ", "Tab"].includes(event.key)) return;
  const acts = ["s", "m", "delete", "backspace"].includes(event.key.toLowerCase());
  if (acts && state.editing?.id !== label.id) choose(label);
  if (acts && state.editing?.id !== label.id) return;
  key(event);
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches?.("input:not([type=radio]):not([type=checkbox]), textarea, select");
  if (!DATA.mayLabel || typing || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
  event.preventDefault();
  turn(!event.shiftKey);
});

// -- suggestions ------------------------------------------------------------------------------------

function drawSuggestions() {
  by("suggestions").replaceChildren(...state.suggestions.map(suggestion));
  by("no-suggestions").hidden = state.suggestions.length > 0;
}

function suggestion(one) {
  const item = document.createElement("li");
  item.className = one.kind;
  const text = document.createElement("p");
  const values = { length: length(one.time_end - one.time), score: number(Number(one.score.toFixed(2))) };
  text.textContent = `${words(`suggested-${one.kind}`, values)} · ${local(one.time)} – ${local(one.time_end)}${one.series ? ` · ${one.series}` : ""}`;
  const actions = document.createElement("p");
  actions.className = "actions";
  const add = (name, done, quiet = true) => {
    const made = document.createElement("button");
    Object.assign(made, { type: "button", textContent: words(name), className: quiet ? "quiet" : "" });
    made.addEventListener("click", done);
    actions.append(made);
  };
  if (DATA.mayLabel) {
    const quiet = one.kind === "normal";
    add(quiet ? "accept-normal" : "confirm", () => accept(one, one.kind), false);
    if (!quiet) add("refute", () => accept(one, "normal"));
  }
  add("look-at", () => lookAt(one));
  add("refuse", () => refuse(one));
  item.append(text, actions);
  return item;
}

function accept(one, said) {
  const draft = { kind: said, from: one.time, to: one.time_end, tags: one.tags, note: "" };
  const values = { kind: words(`kind-${said}`), from: local(one.time), to: local(one.time_end) };
  return change([draft], [], words("saved", values));
}

function refuse(one) {
  kept.refuse(nameOf(one));
  state.suggestions = state.suggestions.filter((other) => other !== one);
  drawSuggestions();
  drawLabels();
}

function lookAt(one) {
  const beside = Math.max(one.time_end - one.time, 20 * DATA.step);
  strips[0].chart.show(Math.max(one.time - beside, 0), one.time_end + beside);
  const strip = strips.find((other) => other.series.key === one.series) ?? strips[0];
  strip.element.focus();
  strip.section.scrollIntoView({ block: "nearest" });
}

// -- the page ---------------------------------------------------------------------------------------

function setMode(marking) {
  state.marking = marking;
  act("mode").setAttribute("aria-pressed", String(marking));
  act("mode").textContent = words(marking ? "mark" : "look");
  studio.classList.toggle("looking", !marking);
  for (const strip of strips) strip.setMarking(marking);
}

const acts = {
  mode: () => setMode(!state.marking),
  back: () => strips[0].chart.move(-0.5),
  on: () => strips[0].chart.move(0.5),
  in: () => strips[0].chart.zoom(0.5),
  out: () => strips[0].chart.zoom(2),
  undo: () => turn(true),
  redo: () => turn(false),
  help: () => by("help").showModal(),
  clear,
  forget: clear,
  split,
  merge,
  delete: remove,
};

studio.addEventListener("click", (event) => acts[event.target.closest("[data-act]")?.dataset.act]?.());
by("help").querySelector("button").addEventListener("click", () => by("help").close());
by("channel").addEventListener("change", () => strips.forEach((strip) => strip.chart.redraw()));
for (const box of document.querySelectorAll(".marked")) box.addEventListener("change", drawMark);

if (editor) {
  editor.addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
  editor.addEventListener("keydown", (event) => event.key === "Escape" && clear());
  editor.addEventListener("input", (event) => {
    if (event.target.name === "kind") kindChanged();
    else if (["begin", "end"].includes(event.target.id)) typed();
    else keep();
  });
}

function typed() {
  const [from, to] = [fromField(by("begin").value), fromField(by("end").value)];
  if (!(from < to)) return;
  state.mark = { from, to };
  drawMark();
  by("length").value = words("length", { length: length(to - from) });
  keep();
}

localFields(by("range"));

// Somebody else may have changed labels while one looked elsewhere.
addEventListener("focus", () => readLabels());

function offerKept() {
  const found = DATA.mayLabel ? kept.read() : null;
  if (!found) return;
  fillEditor({ note: "", mode: "", whole: false, ...found });
  state.editing = book.find(found.editing) ?? null;
  const values = { kind: words(`kind-${found.kind}`), from: local(found.from), to: local(found.to) };
  by("kept").hidden = false;
  by("kept").querySelector("span").textContent = words("kept", values);
  keep();
  drawLabels();
  drawEditor();
}

studio.hidden = false;
setRange(DATA);
await Promise.all(strips.map((strip) => strip.chart.show(DATA.from, DATA.to)));
await readLabels();
offerKept();
studio.dataset.ready = "yes";
