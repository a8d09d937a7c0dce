// The page: what is chosen, and who is told of it. It draws what the server's JSON says, and nothing else.

import { ConnectionLost, askFilm, askJson, rememberKey } from "./api.js";
import { drawCard } from "./card.js";
import { byId, make, say } from "./dom.js";
import { saveCsv, saveJson, savePicture } from "./downloads.js";
import { FindingList } from "./findings.js";
import { bindKeys, drawKeys } from "./keys.js";
import { Viewer, drawLegend } from "./viewer.js";
import { Worklist } from "./worklist.js";

// OpenSeadragon empties elements by innerHTML = ""; no other string may become HTML.
globalThis.trustedTypes?.createPolicy("default", { createHTML: (text) => (text === "" ? text : null) });

const LONGEST_SIDE = matchMedia("(max-width: 800px)").matches ? 1536 : 3072;
const KEPT_FILMS = 6;

let card = null;
let keepsFilms = false;
const worklist = new Worklist(displayName);
const findings = new FindingList(byId("finding-list"));
const shown = new Map();
let main = null;
let second = null;
let pointed = null;
let mapOn = true;

// --- Films in -------------------------------------------------------------------------------------------

function takeFiles(files) {
  if (files.length) worklist.add(files);
}

byId("choose").addEventListener("click", () => byId("files").click());
byId("files").addEventListener("change", (event) => {
  takeFiles(event.target.files);
  event.target.value = "";
});
document.addEventListener("paste", (event) => takeFiles(event.clipboardData?.files ?? []));

let dragDepth = 0;
const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
const showDropping = (on) => byId("dropping").classList.toggle("on", on);
document.addEventListener("dragenter", (event) => carriesFiles(event) && (dragDepth++, showDropping(true)));
document.addEventListener("dragleave", (event) => carriesFiles(event) && --dragDepth <= 0 && showDropping(false));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  dragDepth = 0;
  showDropping(false);
  takeFiles(event.dataTransfer.files);
});

byId("forget").addEventListener("click", () => {
  shown.clear();
  worklist.forget().then(() => say(`All films are forgotten${keepsFilms ? ", but for what the server keeps" : ""}.`), report);
});

// --- One film on the screen -----------------------------------------------------------------------------

/** The film's grey values and maps; the last few are kept. */
async function contentOf(prediction) {
  if (!shown.has(prediction.id)) {
    const loading = Promise.all([
      askFilm(prediction, LONGEST_SIDE),
      prediction.links.maps ? askJson(prediction.links.maps) : { maps: {} },
    ]);
    shown.set(prediction.id, loading);
    loading.catch(() => shown.delete(prediction.id));
    if (shown.size > KEPT_FILMS) shown.delete(shown.keys().next().value);
  }
  const [film, maps] = await shown.get(prediction.id);
  return { film, maps: maps.maps };
}

async function showFilm(film) {
  closePrior();
  offerPriors();
  drawResult(film);
  if (!film?.prediction?.links) {
    main?.close();
    main = null;
    drawEmpty(film);
    return;
  }
  const { prediction } = film;
  // Findings of one film must never stand beside the picture of another.
  main?.blank(`${film.name}: loading`);
  try {
    const content = await contentOf(prediction);
    if (worklist.current !== film) return;
    byId("empty").hidden = true;
    main ??= openViewer("film");
    fill(main, film, content);
    drawMaps();
  } catch (error) {
    if (worklist.current === film) main?.blank(`${film.name}: ${error.message}`);
    report(error);
  }
}

/** What to say where there is no film to be seen. */
function drawEmpty(film) {
  const [title, text] = {
    undefined: ["Drop a frontal chest film here", `PNG, JPEG or DICOM. It is read on this server, ${fate()}.`],
    error: [`${film?.name} cannot be read`, film?.reason],
    refused: [`${film?.name} is refused`, film?.reason],
  }[film?.phase] ?? [`${film.name} is not read yet`, ""];
  byId("empty-title").textContent = title;
  byId("empty-text").textContent = text;
  byId("empty").hidden = false;
}

const fate = () => (keepsFilms ? "and kept there with its result" : "kept in its memory only, and forgotten");

function openViewer(what) {
  const viewer = new Viewer(byId("panes"), what);
  viewer.setTool(tool());
  viewer.setOpacity(opacity());
  viewer.addEventListener("measured", (event) => say(event.detail));
  viewer.addEventListener("moved", () => keepTogether(viewer));
  viewer.addEventListener("windowed", () => viewer === main && drawWindow());
  return viewer;
}

function fill(viewer, film, content) {
  const { prediction } = film;
  viewer.maps = content.maps;
  viewer.show(content.film, prediction.radiograph);
  viewer.pane.setAttribute("aria-label", `${film === worklist.current ? "Film" : "Prior film"} ${prediction.image}`);
  viewer.captions.name.textContent = film === worklist.current ? prediction.image : `Prior: ${prediction.image}`;
  const { modality, view_position: view } = prediction.radiograph;
  viewer.captions.projection.textContent = [modality, view].filter(Boolean).join(" ");
}

// --- Findings and maps ----------------------------------------------------------------------------------

function currentFinding() {
  return pointed ?? findings.chosen;
}

function drawMaps() {
  const name = currentFinding();
  const layers = viewers().map((viewer) => viewer.maps?.[name]);
  // One scale for both: the same colour is the same evidence.
  const fullScale = Math.max(...layers.map((layer) => layer?.full_scale ?? 0));
  viewers().forEach((viewer, index) => viewer.overlay((mapOn && layers[index]) || null, fullScale));
  const layer = main?.maps?.[name];
  byId("legend").classList.toggle("on", Boolean(layer && mapOn));
  if (layer) {
    byId("legend-low").textContent = `−${fullScale.toFixed(1)}`;
    byId("legend-high").textContent = `+${fullScale.toFixed(1)}`;
    const finding = worklist.current.prediction.findings.find((entry) => entry.finding === name);
    const zero = finding?.threshold === null ? "no colour: even odds" : "no colour: at the operating point";
    // Maps that do not add up to the score have no operating point.
    const meaning = card?.maps === "log_sum_exp" ? "map · no colour: adds nothing" : `log odds · ${zero}`;
    byId("legend-zero").textContent = `${displayName(name)}, ${meaning}`;
  }
}

function displayName(name) {
  return card?.findings.find((entry) => entry.finding === name)?.display ?? name;
}

findings.addEventListener("chosen", () => drawMaps());
findings.addEventListener("pointed", (event) => {
  pointed = event.detail;
  drawMaps();
});

function drawResult(film) {
  const prediction = film?.prediction;
  byId("downloads").hidden = !prediction?.links;
  byId("facts").replaceChildren();
  byId("verdict").replaceChildren();
  if (!prediction) {
    findings.clear();
    byId("legend").classList.remove("on");
    if (film) byId("verdict").append(make("p", { class: "quiet" }, "Not read yet."));
    return;
  }
  drawVerdict(film, prediction);
  if (prediction.status === "ok") {
    findings.show(prediction, card, priorFilm()?.prediction);
  } else {
    findings.clear();
    byId("legend").classList.remove("on");
  }
  drawFacts(prediction);
}

function drawVerdict(film, prediction) {
  const present = prediction.findings.filter((finding) => finding.present).map((finding) => displayName(finding.finding));
  const validated = prediction.findings.filter((finding) => finding.validated).length;
  const [kind, title, text] = {
    ok: present.length
      ? ["some", present.join(", "), `at or above ${present.length === 1 ? "its operating point" : "their operating points"}`]
      : ["none", "No finding at its operating point", ""],
    refused: ["refused", "Refused", prediction.reason],
    error: ["error", "Cannot be read", prediction.reason],
  }[prediction.status];
  const rest = prediction.findings.length - validated;
  const unsure = prediction.status === "ok" && rest ? `${rest} of ${prediction.findings.length} findings are not validated and never count as present.` : "";
  byId("verdict").append(
    make(
      "div",
      { class: `verdict-box ${kind}` },
      make("p", { class: "verdict-title" }, title),
      text ? make("p", {}, text) : null,
      unsure ? make("p", { class: "quiet" }, unsure) : null,
    ),
  );
  if (prediction.status === "refused") {
    byId("verdict").append(make("p", { class: "quiet" }, "A refused film gets no probabilities: they would mean nothing."));
  }
  say(`${film.name}: ${title} ${text ?? ""} ${unsure}`);
}

function drawFacts(prediction) {
  const facts = prediction.radiograph;
  const list = make("dl", { class: "fact-list" });
  const add = (name, value) => value && list.append(make("dt", {}, name), make("dd", {}, String(value)));
  if (facts) {
    add("Format", [facts.file_format, facts.modality, facts.view_position].filter(Boolean).join(", "));
    add("Size", `${facts.width} × ${facts.height}`);
    add("Spacing", facts.pixel_spacing_mm?.map((mm) => mm.toFixed(3)).join(" × ") && `${facts.pixel_spacing_mm.map((mm) => mm.toFixed(3)).join(" × ")} mm`);
    add("Body part", facts.body_part);
    add("Sex, age", [facts.patient_sex, facts.patient_age_years !== null ? `${Math.round(facts.patient_age_years)} years` : null].filter(Boolean).join(", "));
    add("Burned-in text", facts.burned_in_annotation ? "yes, says the file" : null);
    for (const [name, value] of Object.entries(facts.identifiers ?? {})) add(name.replaceAll("_", " ").replace("uid", "UID"), value);
  }
  for (const note of prediction.notes ?? []) add("Note", note);
  if (list.childElementCount) byId("facts").append(make("h3", {}, "About the film"), list);
}

// --- Tools ----------------------------------------------------------------------------------------------

const toolButtons = [...document.querySelectorAll("[data-tool]")];
const tool = () => toolButtons.find((button) => button.getAttribute("aria-pressed") === "true").dataset.tool;
const opacity = () => byId("opacity").value / 100;
const viewers = () => [main, second].filter(Boolean);

function setTool(name) {
  for (const button of toolButtons) button.setAttribute("aria-pressed", String(button.dataset.tool === name));
  for (const viewer of viewers()) viewer.setTool(name);
}

function setOpacity(value) {
  byId("opacity").value = value;
  byId("opacity-value").textContent = `${byId("opacity").value} %`;
  for (const viewer of viewers()) viewer.setOpacity(opacity());
}

function toggleMap() {
  mapOn = !mapOn;
  byId("map-toggle").setAttribute("aria-pressed", String(mapOn));
  drawMaps();
}

function invert() {
  const inverted = byId("invert").getAttribute("aria-pressed") !== "true";
  for (const viewer of viewers()) viewer.setWindow({ inverted });
  byId("invert").setAttribute("aria-pressed", String(inverted));
}

function reset() {
  for (const viewer of viewers()) viewer.reset();
}

const zoom = (factor) => main?.zoom(factor);

for (const button of toolButtons) button.addEventListener("click", () => setTool(button.dataset.tool));
byId("opacity").addEventListener("input", (event) => setOpacity(event.target.value));
byId("map-toggle").addEventListener("click", toggleMap);
byId("invert").addEventListener("click", invert);
byId("reset").addEventListener("click", reset);
byId("zoom-in").addEventListener("click", () => zoom(1.3));
byId("zoom-out").addEventListener("click", () => zoom(1 / 1.3));

// The same window as by dragging, for those who cannot drag: contrast is the narrowness of the window.
byId("contrast").addEventListener("input", (event) => main?.setWindow({ width: Math.pow(0.03, event.target.value / 100) }));
byId("brightness").addEventListener("input", (event) => main?.setWindow({ centre: 1 - event.target.value / 100 }));

function drawWindow() {
  const { centre, width, inverted } = main.window;
  byId("contrast").value = Math.round((100 * Math.log(Math.min(1, width))) / Math.log(0.03));
  byId("brightness").value = Math.round(100 * (1 - centre));
  byId("invert").setAttribute("aria-pressed", String(inverted));
}

// --- Prior ----------------------------------------------------------------------------------------------

const priorFilm = () => worklist.films.find((film) => film.prediction?.id && film.prediction.id === byId("prior").value);

/** Every other film that was read can be the prior. */
function offerPriors() {
  const others = worklist.films.filter((film) => film !== worklist.current && film.prediction?.links);
  const chosen = byId("prior").value;
  byId("prior").replaceChildren(
    make("option", { value: "" }, "none"),
    ...others.map((film) => make("option", { value: film.prediction.id }, film.name)),
  );
  if (others.some((film) => film.prediction.id === chosen)) byId("prior").value = chosen;
  byId("prior").disabled = !others.length;
}

function closePrior() {
  byId("prior").value = "";
  byId("link-views").hidden = true;
  second?.close();
  second = null;
  byId("panes").classList.remove("two");
}

async function showPrior() {
  const film = priorFilm();
  if (!film) {
    closePrior();
    drawResult(worklist.current);
    return;
  }
  try {
    const content = await contentOf(film.prediction);
    if (priorFilm() !== film || !main) return;
    byId("panes").classList.add("two");
    byId("link-views").hidden = false;
    second ??= openViewer("prior film");
    fill(second, film, content);
    second.setWindow({ inverted: main.window.inverted });
    drawResult(worklist.current);
    drawMaps();
    say(`Prior ${film.name} beside it.`);
  } catch (error) {
    report(error);
  }
}

let following = false;

function keepTogether(moved) {
  if (following || !second || !byId("linked").checked) return;
  following = true;
  (moved === main ? second : main).follow(moved);
  following = false;
}

byId("prior").addEventListener("change", showPrior);

// --- Downloads, card, theme, key ------------------------------------------------------------------------

byId("save-png").addEventListener("click", () => {
  const { prediction } = worklist.current;
  savePicture(prediction, prediction.status === "ok" ? findings.chosen : null).catch(report);
});
byId("save-json").addEventListener("click", () => saveJson(worklist.current.prediction));
byId("save-csv").addEventListener("click", () =>
  saveCsv(worklist.films.map((film) => film.prediction).filter(Boolean), card),
);
byId("show-card").addEventListener("click", () => byId("card").showModal());
byId("show-keys").addEventListener("click", () => byId("keys").showModal());
byId("theme").addEventListener("click", () => {
  const light = document.documentElement.dataset.theme !== "light";
  document.documentElement.dataset.theme = light ? "light" : "dark";
  byId("theme").setAttribute("aria-pressed", String(light));
});

function askForKey(retry) {
  const dialog = byId("ask-key");
  if (!dialog.open) dialog.showModal();
  dialog.addEventListener("close", () => retry(), { once: true });
}

byId("ask-key-form").addEventListener("submit", () => rememberKey(byId("api-key").value));
worklist.addEventListener("key-needed", (event) => askForKey(event.detail));

// --- Telling --------------------------------------------------------------------------------------------

function report(error) {
  if (error.status === 401) {
    askForKey(() => showFilm(worklist.current));
    return;
  }
  if (error instanceof ConnectionLost) {
    worklist.waitForServer();
    return;
  }
  byId("offline").textContent = error.message;
  byId("offline").hidden = false;
  setTimeout(() => (byId("offline").hidden ||= byId("offline").textContent === error.message), 8000);
}

worklist.addEventListener("connection", (event) => {
  byId("offline").textContent = "Connection lost. Films that were not sent yet wait here and go on by themselves.";
  byId("offline").hidden = event.detail;
  if (!event.detail) return;
  say("The connection is back.");
  if (main && !main.film) showFilm(worklist.current);
});
worklist.addEventListener("chosen", (event) => showFilm(event.detail));
worklist.addEventListener("read", (event) => {
  offerPriors();
  if (event.detail === worklist.current) showFilm(event.detail);
});

// --- Start ----------------------------------------------------------------------------------------------

const shortcuts = [
  ["U", "Choose films", ["u"], () => byId("files").click()],
  ["↑ ↓, K J", "Previous, next finding", ["ArrowUp", "k"], () => findings.step(-1)],
  [null, null, ["ArrowDown", "j"], () => findings.step(1)],
  ["[ ]", "Previous, next film", ["["], () => worklist.step(-1)],
  [null, null, ["]"], () => worklist.step(1)],
  ["M", "Map or bare film", ["m"], toggleMap],
  [", .", "Less, more opacity", [","], () => setOpacity(Number(byId("opacity").value) - 10)],
  [null, null, ["."], () => setOpacity(Number(byId("opacity").value) + 10)],
  ["W P R", "Drag to window, pan, measure", ["w"], () => setTool("window")],
  [null, null, ["p"], () => setTool("pan")],
  [null, null, ["r"], () => setTool("ruler")],
  ["+ −", "Zoom in, out", ["+", "="], () => zoom(1.3)],
  [null, null, ["-"], () => zoom(1 / 1.3)],
  ["I", "Invert", ["i"], invert],
  ["0", "Reset window and view", ["0"], reset],
  ["C", "Choose a prior", ["c"], () => byId("prior").focus()],
  ["?", "These shortcuts", ["?"], () => byId("keys").showModal()],
  ["Arrows on the film", "Move it; with the ruler, move the cross, Enter sets a point", [], null],
];

async function start() {
  drawKeys(byId("keys-table").tBodies[0], shortcuts);
  bindKeys(shortcuts, () => byId("keys-on").checked);
  drawLegend(byId("legend-bar"));
  // A finger that drags a film expects it to move.
  if (matchMedia("(pointer: coarse)").matches) setTool("pan");
  offerPriors();
  await learn();
  await worklist.restore();
}

/** The card must be there before any result can be drawn. */
async function learn() {
  try {
    keepsFilms = (await askJson("/healthz")).keeps_films;
    card = await askJson("/v1/model");
  } catch (error) {
    if (error.status === 401) {
      await new Promise(askForKey);
      return learn();
    }
    report(error);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    return learn();
  }
  drawCard(card);
  drawEmpty();
  const mapped = card.maps !== "none";
  const lacking = mapped ? "" : ", this model has no activation maps";
  byId("map-toggle").disabled = !mapped;
  byId("identity").textContent = `${card.name} ${card.version}, sha256 ${card.sha256.slice(0, 12)}, ${card.software}${lacking}`;
  return card;
}

await start();
document.documentElement.dataset.ready = "yes";
