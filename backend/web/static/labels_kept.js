// What is marked and not yet saved outlives a reload, an expired session and a closed window.

export class Kept {
  constructor(detector) {
    this.key = `normalcy-mark:${detector}`;
    this.refusedKey = `normalcy-refused:${detector}`;
  }

  write(mark) {
    store(this.key, mark);
  }

  read() {
    const found = parsed(localStorage.getItem(this.key));
    return found && Number.isFinite(found.from) && found.from < found.to ? found : null;
  }

  forget() {
    store(this.key, null);
  }

  refuse(name) {
    store(this.refusedKey, [...this.refused().slice(-500), name]);
  }

  refused() {
    const found = parsed(localStorage.getItem(this.refusedKey));
    return Array.isArray(found) ? found : [];
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function store(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing loses a mark when it is closed; nothing else depends on it.
  }
}
