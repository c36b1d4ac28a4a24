// Asks the server, and turns whatever goes wrong into an Error whose message is a sentence.

const TEXTS = textsOf("texts");
const OWN = document.getElementById("own-texts") ? textsOf("own-texts") : {};

export class SignedOut extends Error {
  constructor(message, place) {
    super(message);
    this.place = place;
  }
}

function fill(text, values = {}) {
  return text.replace(/\{\$(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

// A text that every page has, with its values filled in.
export function say(name, values) {
  return fill(TEXTS[name], values);
}

// One of the page's own texts.
export function sayOwn(name, values) {
  return fill(OWN[name], values);
}

export function textsOf(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

export function get(path, signal) {
  return ask(path, { signal });
}

export function send(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  return ask(path, options);
}

// Whether a request for work still waits or goes on.
export function isOpen(request) {
  return ["waiting", "running"].includes(request.state);
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { Accept: "application/json", ...options.headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error(say("unreachable"));
  }
  const found = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (answer.status === 401) throw new SignedOut(say("signed-out"), found?.sign_in ?? "/sign-in");
  if (!answer.ok) throw new Error(found?.message ?? say("answered", { status: answer.status }));
  return found;
}
