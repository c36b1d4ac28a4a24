// One question, answered by yes or no.

import { say } from "./server.js";

export function ask(question, yes = say("confirm")) {
  const dialog = document.getElementById("ask");
  const [no, sure] = dialog.querySelectorAll("button");
  document.getElementById("ask-words").textContent = question;
  no.textContent = say("cancel");
  sure.textContent = yes;
  return new Promise((answer) => {
    let said = false;
    no.onclick = () => dialog.close();
    sure.onclick = () => {
      said = true;
      dialog.close();
    };
    dialog.addEventListener("close", () => answer(said), { once: true });
    dialog.showModal();
  });
}
