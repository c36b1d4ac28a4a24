// Work that was asked for: how far it is, until it has ended and the page shows what came of it.

import { get, isOpen } from "./server.js";

const LOOK_MS = 1000;

// id: of the request; told(request): the words beside the bar.
export async function follow(id, told) {
  const bar = document.getElementById("progress");
  const words = document.getElementById("step");
  for (;;) {
    await new Promise((done) => setTimeout(done, LOOK_MS));
    if (document.hidden) continue;
    try {
      const found = await get(`/api/v1/requests/${id}`);
      if (!isOpen(found)) return location.reload();
      bar.value = found.progress;
      words.textContent = told(found);
    } catch (error) {
      words.textContent = error.message; // the server may be back at the next look
    }
  }
}
