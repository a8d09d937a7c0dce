// Files on their way in: chosen, dropped (folders too), pasted. A ZIP of a CD export is opened here.

import { byId, element } from "./dom.js";
import { isZip, unzipped } from "./zip.js";

/** @import { Worklist } from "./worklist.js" */

/** Files of a CD export or a folder that are no image, whatever is in them. */
const NEVER_IMAGES = /^(dicomdir|thumbs\.db|desktop\.ini|autorun\.inf|\..*)$|\.(txt|html?|pdf|exe|dll|xml|css|js|json|csv|ini|inf|log|md)$/i;

/**
 * Take files from the picker, from a drop and from the clipboard.
 * @param {Worklist} worklist
 */
export function takeFiles(worklist) {
  const picker = element(HTMLInputElement, "files");
  byId("choose").addEventListener("click", () => picker.click());
  picker.addEventListener("change", async () => {
    // Copied first: emptying the picker, so that the same file can be chosen again, empties its list.
    const files = [...(picker.files ?? [])];
    picker.value = "";
    await add(worklist, files);
  });
  document.addEventListener("paste", (event) => add(worklist, [...(event.clipboardData?.files ?? [])]));
  takeDrops(worklist);
}

/** @param {Worklist} worklist */
function takeDrops(worklist) {
  let depth = 0;
  const carriesFiles = (/** @type {DragEvent} */ event) => Boolean(event.dataTransfer?.types.includes("Files"));
  const show = (/** @type {boolean} */ on) => byId("dropping").classList.toggle("on", on);
  document.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth++;
    show(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (carriesFiles(event) && --depth <= 0) show(false);
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    depth = 0;
    show(false);
    if (event.dataTransfer) await add(worklist, await dropped(event.dataTransfer));
  });
}

/**
 * @param {Worklist} worklist
 * @param {File[]} files
 */
async function add(worklist, files) {
  const zipped = await Promise.all(files.map(isZip));
  worklist.add(files.filter((_, place) => !zipped[place]));
  for (const archive of files.filter((_, place) => zipped[place])) {
    try {
      worklist.add((await unzipped(archive)).filter((inner) => !NEVER_IMAGES.test(inner.name)));
    } catch (error) {
      worklist.addUnreadable(archive.name, error instanceof Error ? error.message : String(error));
    }
  }
}

/**
 * The files of a drop; folders are walked.
 * @param {DataTransfer} data
 * @returns {Promise<File[]>}
 */
async function dropped(data) {
  // The items are gone once this function waits for anything.
  const entries = [...data.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry());
  const files = [...data.files];
  const found = await Promise.all(
    entries.map((entry, place) => (entry?.isDirectory ? walk(/** @type {FileSystemDirectoryEntry} */ (entry)) : [files[place]])),
  );
  return found.flat().filter(Boolean);
}

/**
 * All files below a folder that may be images, in the order of their paths.
 * @param {FileSystemDirectoryEntry} folder
 * @returns {Promise<File[]>}
 */
async function walk(folder) {
  const inside = await entriesOf(folder.createReader());
  inside.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  const found = [];
  for (const entry of inside) {
    if (entry.isDirectory) found.push(...(await walk(/** @type {FileSystemDirectoryEntry} */ (entry))));
    else if (!NEVER_IMAGES.test(entry.name)) found.push(await fileOf(/** @type {FileSystemFileEntry} */ (entry)));
  }
  return found;
}

/**
 * A browser gives at most a hundred entries at a time, and none at the end.
 * @param {FileSystemDirectoryReader} reader
 * @returns {Promise<FileSystemEntry[]>}
 */
async function entriesOf(reader) {
  /** @type {FileSystemEntry[]} */
  const all = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return all;
    all.push(...some);
  }
}

/**
 * @param {FileSystemFileEntry} entry
 * @returns {Promise<File>}
 */
const fileOf = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));
