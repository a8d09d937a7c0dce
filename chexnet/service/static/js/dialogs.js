// What opens over the page: the model card, the shortcuts, the question for a key. And the theme, and printing.

import { hasKey, rememberKey } from "./api.js";
import { byId, element } from "./dom.js";

const THEME = "chexnet-theme";

export function bindDialogs() {
  for (const [button, dialog] of [["show-card", "card"], ["show-keys", "keys"]]) {
    byId(button).addEventListener("click", () => element(HTMLDialogElement, dialog).showModal());
  }
  byId("theme").addEventListener("click", () => {
    const light = document.documentElement.dataset.theme !== "light";
    localStorage.setItem(THEME, light ? "light" : "dark");
    drawTheme(light);
  });
  byId("ask-key-form").addEventListener("submit", () => rememberKey(element(HTMLInputElement, "api-key").value));
  addEventListener("beforeprint", () => {
    byId("printed").textContent = `Printed on ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC.`;
  });
  drawTheme(localStorage.getItem(THEME) === "light");
}

/** @param {boolean} light */
function drawTheme(light) {
  document.documentElement.dataset.theme = light ? "light" : "dark";
  byId("theme").setAttribute("aria-pressed", String(light));
}

/**
 * Ask for an API key; a key that was sent and turned down is called wrong.
 * @param {() => void} retry
 */
export function askForKey(retry) {
  const dialog = element(HTMLDialogElement, "ask-key");
  const input = element(HTMLInputElement, "api-key");
  if (!dialog.open) {
    const wrong = hasKey();
    byId("ask-key-why").textContent = wrong
      ? "The service does not accept this key: it is wrong or has been withdrawn. Enter another one."
      : "This service asks for a key.";
    input.setAttribute("aria-invalid", String(wrong));
    input.value = "";
    dialog.showModal();
  }
  dialog.addEventListener("close", () => retry(), { once: true });
}
