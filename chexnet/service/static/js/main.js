// The page: what is chosen, and who hears of it. It draws what the server's JSON says, and nothing else.

import { ConnectionLost, ProblemError, askJson } from "./api.js";
import { drawCard } from "./card.js";
import { askForKey, bindDialogs } from "./dialogs.js";
import { byId, element, make, pause, say } from "./dom.js";
import { saveCsv, saveJson, savePicture } from "./downloads.js";
import { drawColourBar } from "./drawing.js";
import { FindingList, entriesOf } from "./findings.js";
import { takeFiles } from "./intake.js";
import { bindKeys, drawKeys } from "./keys.js";
import { drawFacts, drawNumbers, drawSummary } from "./result.js";
import { Screen, drawEmpty, offerPriors } from "./screen.js";
import { shortcutsOf } from "./shortcuts.js";
import { bindTools, toolsOf } from "./tools.js";
import { Worklist } from "./worklist.js";

/** @import { Card } from "./types.js" */
/** @import { Entry } from "./worklist.js" */

// OpenSeadragon empties elements by innerHTML = ""; no other string may become HTML.
/** @type {any} */ (globalThis).trustedTypes?.createPolicy("default", {
  createHTML: (/** @type {string} */ text) => (text === "" ? text : null),
});

/** @type {Card | null} */
let card = null;
let keepsImages = false;
const displayName = (/** @type {string} */ name) => (card ? entriesOf(card).get(name)?.display : null) ?? name;
const worklist = new Worklist(displayName);
const findings = new FindingList(byId("finding-list"));
const screen = new Screen();
const tools = toolsOf(screen);

const fate = () => (keepsImages ? "and kept there with its result" : "kept in its memory only, and forgotten");

/**
 * The event's detail, which the type check does not know.
 * @param {Event} event
 */
const detailOf = (event) => /** @type {CustomEvent<any>} */ (event).detail;

/** @param {Entry | null} entry */
async function show(entry) {
  offerPriors(worklist.entries, entry);
  try {
    const shown = screen.show(entry, fate());
    drawResult(entry);
    byId("findings").scrollTop = 0;
    await shown;
  } catch (error) {
    report(error);
  }
}

/** @param {Entry | null} entry */
function drawResult(entry) {
  const prediction = entry?.prediction;
  byId("downloads").hidden = !prediction?.links;
  byId("facts").replaceChildren();
  byId("verdict").replaceChildren();
  if (prediction?.status !== "ok") {
    findings.clear();
    drawNumbers(undefined, undefined, () => {});
  }
  if (!prediction || !card) {
    if (entry) byId("verdict").append(make("p", { class: "quiet" }, "Not read yet."));
    return;
  }
  drawSummary(entry.name, prediction, card);
  if (prediction.status === "ok") findings.show(prediction, card, screen.prior?.prediction);
  drawFacts(prediction);
}

/** Everything that depends on which finding is chosen or pointed at. */
function drawChosen() {
  const finding = worklist.current?.prediction?.findings.find((other) => other.finding === findings.chosen);
  const entry = card?.findings.find((other) => other.finding === findings.chosen);
  drawNumbers(finding, entry, () => drawResult(worklist.current));
}

findings.addEventListener("chosen", () => {
  screen.point(findings.chosen, null);
  drawChosen();
});
findings.addEventListener("pointed", (event) => screen.point(findings.chosen, detailOf(event)));

byId("forget").addEventListener("click", async () => {
  screen.forget();
  try {
    await worklist.forget();
    say(`All images are forgotten${keepsImages ? ", except what the server keeps" : ""}.`);
  } catch (error) {
    report(error);
  }
});

byId("prior").addEventListener("change", async () => {
  const id = element(HTMLSelectElement, "prior").value;
  const prior = worklist.entries.find((entry) => entry.prediction?.id === id);
  try {
    if (prior) await screen.showPrior(prior);
    else screen.closePrior();
    drawResult(worklist.current);
  } catch (error) {
    report(error);
  }
});

byId("save-png").addEventListener("click", () => {
  const prediction = worklist.current?.prediction;
  if (prediction) savePicture(prediction, prediction.status === "ok" ? findings.chosen : null).catch(report);
});
byId("save-json").addEventListener("click", () => worklist.current?.prediction && saveJson(worklist.current.prediction));
byId("save-csv").addEventListener("click", () => {
  const predictions = worklist.entries.map((entry) => entry.prediction).filter((prediction) => prediction !== null);
  if (card) saveCsv(predictions, card);
});

worklist.addEventListener("key-needed", (event) => askForKey(detailOf(event)));
worklist.addEventListener("failed", (event) => report(detailOf(event)));
worklist.addEventListener("chosen", (event) => show(detailOf(event)));
worklist.addEventListener("read", (event) => {
  offerPriors(worklist.entries, worklist.current);
  if (detailOf(event) === worklist.current) show(worklist.current);
});
worklist.addEventListener("connection", (event) => {
  byId("offline").textContent = "Connection lost. Images that were not sent yet wait here and are sent when it is back.";
  byId("offline").hidden = detailOf(event);
  if (!detailOf(event)) return;
  say("The connection is back.");
  if (screen.main && !screen.main.image) show(worklist.current);
});

/** @param {unknown} error */
function report(error) {
  if (error instanceof ProblemError && error.status === 401) {
    askForKey(() => show(worklist.current));
    return;
  }
  if (error instanceof ConnectionLost) {
    worklist.waitForServer();
    return;
  }
  const message = error instanceof Error ? error.message : String(error);
  byId("offline").textContent = message;
  byId("offline").hidden = false;
  setTimeout(() => (byId("offline").hidden ||= byId("offline").textContent === message), 8000);
}

/**
 * The card must be there before any result can be drawn.
 * @returns {Promise<void>}
 */
async function learn() {
  try {
    keepsImages = (await askJson("healthz")).keeps_films;
    drawModel(await askJson("v1/model"));
  } catch (error) {
    if (error instanceof ProblemError && error.status === 401) {
      await new Promise((resolve) => askForKey(() => resolve(null)));
      return learn();
    }
    report(error);
    await pause(3);
    return learn();
  }
}

/** @param {Card} known */
function drawModel(known) {
  card = screen.card = known;
  drawCard(known);
  drawEmpty(null, fate());
  const mapped = known.maps !== "none";
  const lacking = mapped ? "" : ", this model has no activation maps";
  element(HTMLButtonElement, "map-toggle").disabled = !mapped;
  byId("identity").textContent = `${known.name} ${known.version}, sha256 ${known.sha256.slice(0, 12)}, ${known.software}${lacking}`;
}

takeFiles(worklist);
bindDialogs();
bindTools(screen, tools);
const shortcuts = shortcutsOf(tools, worklist, findings);
drawKeys(shortcuts);
bindKeys(shortcuts);
drawColourBar(element(HTMLCanvasElement, "legend-bar"));
// A finger that drags an image expects it to move.
if (matchMedia("(pointer: coarse)").matches) tools.setTool("pan");
offerPriors([], null);
await learn();
await worklist.restore();
document.documentElement.dataset.ready = "yes";
