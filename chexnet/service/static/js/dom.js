// Elements from values. Text is always text: nothing of a file's name or header can become markup.

/**
 * The element with that id, which index.html has.
 * @param {string} id
 */
export function byId(id) {
  return element(HTMLElement, id);
}

/**
 * The element with that id and of that kind.
 * @template {HTMLElement} Kind
 * @param {new () => Kind} kind
 * @param {string} id
 * @returns {Kind}
 */
export function element(kind, id) {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`index.html has no ${kind.name} #${id}`);
}

/**
 * An element with properties (`class`, `data`, `aria-…`, or any property) and children.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} properties
 * @param {(Node | string | null | undefined)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name === "class") made.className = String(value);
    else if (name === "data") Object.assign(made.dataset, value);
    else if (name.startsWith("aria-") || name === "role") made.setAttribute(name, String(value));
    else Object.assign(made, { [name]: value });
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const spoken = byId("spoken");

/**
 * Tell a screen reader.
 * @param {string} text
 */
export function say(text) {
  spoken.textContent = text;
}

/**
 * A probability for people.
 * @param {number} probability
 * @param {number} digits
 */
export function percent(probability, digits = 0) {
  const value = probability * 100;
  if (digits) return `${value.toFixed(digits)} %`;
  if (value > 0 && value < 1) return "< 1 %";
  return `${value > 99 && value < 100 ? 99 : Math.round(value)} %`;
}

/** @param {number} seconds */
export const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
