// Asks the server, and turns whatever goes wrong into an Error whose message is a sentence.

const TEXTS = JSON.parse(document.getElementById("texts").textContent);

export class SignedOut extends Error {
  constructor(message, place) {
    super(message);
    this.place = place;
  }
}

// A text of the page with its values filled in; `extra` holds the page's own texts.
export function fill(text, values = {}) {
  return text.replace(/\{\$(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export function say(name, values) {
  return fill(TEXTS[name], values);
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
