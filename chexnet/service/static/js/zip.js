// ZIP archives (APPNOTE 6.3), read in the browser: stored and deflated files, nothing encrypted.

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const STORED = 0;
const DEFLATED = 8;
const END_BYTES = 22;
const LONGEST_COMMENT = 0xffff;

/** More is no CD export of chest radiographs, and would fill the browser's memory. */
const MOST_FILES = 2000;
const MOST_BYTES = 2 ** 31;

/** @param {File} file */
export async function isZip(file) {
  try {
    const start = new DataView(await file.slice(0, 4).arrayBuffer());
    return start.byteLength === 4 && start.getUint32(0, false) === 0x504b0304;
  } catch {
    // Sending it reports that it cannot be read.
    return false;
  }
}

/**
 * The files of an archive, in its order.
 * @param {File} archive
 * @returns {Promise<File[]>}
 */
export async function unzipped(archive) {
  const view = new DataView(await archive.arrayBuffer());
  const end = endOf(view);
  const count = view.getUint16(end + 10, true);
  if (count > MOST_FILES) throw new Error(`This ZIP archive holds ${count} files; at most ${MOST_FILES} are read.`);
  const files = [];
  let [at, bytes] = [view.getUint32(end + 16, true), 0];
  for (let index = 0; index < count; index++) {
    const entry = entryAt(view, at);
    at = entry.next;
    if (entry.name.endsWith("/")) continue;
    bytes += entry.size;
    if (bytes > MOST_BYTES) throw new Error("This ZIP archive holds more than 2 GiB; unpack it and choose the images.");
    files.push(await fileOf(view, entry));
  }
  return files;
}

/** @param {DataView} view */
function endOf(view) {
  const first = Math.max(0, view.byteLength - END_BYTES - LONGEST_COMMENT);
  for (let at = view.byteLength - END_BYTES; at >= first; at--) {
    if (view.getUint32(at, true) === END) return at;
  }
  throw new Error("This ZIP archive is damaged: its list of files is missing.");
}

/**
 * @param {DataView} view
 * @param {number} at
 */
function entryAt(view, at) {
  if (at + 46 > view.byteLength || view.getUint32(at, true) !== CENTRAL) {
    throw new Error("This ZIP archive is damaged: its list of files breaks off.");
  }
  const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
  const [packed, size] = [view.getUint32(at + 20, true), view.getUint32(at + 24, true)];
  const lengths = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
  const name = new TextDecoder().decode(new Uint8Array(view.buffer, at + 46, lengths[0]));
  const next = at + 46 + lengths[0] + lengths[1] + lengths[2];
  return { name, flags, method, packed, size, local: view.getUint32(at + 42, true), next };
}

/**
 * @param {DataView} view
 * @param {ReturnType<typeof entryAt>} entry
 */
async function fileOf(view, { name, flags, method, packed, size, local }) {
  const last = name.split(/[/\\]/).at(-1) || name;
  if (flags & 1) throw new Error(`${last} in this ZIP archive is encrypted; unpack it and choose the images.`);
  if (method !== STORED && method !== DEFLATED) throw new Error(`${last} is packed by method ${method}; expected deflate.`);
  const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  const content = new Blob([new Uint8Array(/** @type {ArrayBuffer} */ (view.buffer), start, packed)]);
  if (method === STORED) return new File([content], last);
  const stream = content.stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new File([await bounded(stream, size, last)], last);
}

/**
 * What a stream holds, never more than its archive declares.
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} stream
 * @param {number} size
 * @param {string} name
 */
async function bounded(stream, size, name) {
  const pieces = [];
  let bytes = 0;
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return new Blob(pieces);
    bytes += value.length;
    if (bytes > size) {
      await reader.cancel();
      throw new Error(`${name} in this ZIP archive is larger than the archive says.`);
    }
    pieces.push(value);
  }
}
