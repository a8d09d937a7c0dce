// Elements from values. Text is always text: nothing of a file's name or header can become markup.

export const byId = (id) => document.getElementById(id);

/** An element with properties (`class`, `data`, `aria-…`, or any property) and children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name === "class") element.className = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name.startsWith("aria-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const spoken = byId("spoken");

/** Tell a screen reader. */
export function say(text) {
  spoken.textContent = text;
}

export function percent(probability, digits = 0) {
  const value = probability * 100;
  if (digits) return `${value.toFixed(digits)} %`;
  if (value > 0 && value < 1) return "< 1 %";
  return `${value > 99 && value < 100 ? 99 : Math.round(value)} %`;
}
