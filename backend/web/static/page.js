// What every page does: local times, and a question before a form that asks for one.

import { ask } from "./asking.js";
import { showLocal } from "./times.js";

showLocal();

// <form data-ask="…"> is sent once the question is answered; without scripts the server asks it.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  const question = event.submitter?.dataset.ask ?? form.dataset.ask;
  if (!question || form.elements.sure) return;
  event.preventDefault();
  if (!(await ask(question))) return;
  const sure = document.createElement("input");
  Object.assign(sure, { type: "hidden", name: "sure", value: "yes" });
  form.append(sure);
  form.requestSubmit(event.submitter);
});

// The menu closes when one goes elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
