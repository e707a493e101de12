// What all views share: the box as last heard of, elements, questions to the box.
import { in_german } from "./refusals.js";
import { current, text } from "./texts.js";

export const box = {};
export const $ = id => document.getElementById(id);
export const spaced = number => number.replace(/(....)(?=.)/g, "$1 ");
export const is_lifted = () => !["idle", "ringing"].includes(box.state);

// What the box answers; its refusal, in the language of the page, is an error.
export async function ask(path, body, method = "POST") {
  const request = { method, headers: { "X-Fernruf": "1", "Content-Type": "application/json" }, body: body && JSON.stringify(body) };
  const response = await fetch(path, request).catch(() => { throw new Error(text("gone")); });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const refusal = answer.error ?? response.statusText;
  throw new Error(current() === "de" ? in_german(refusal) : refusal);
}

export function alarm(message) {
  $("alarm").textContent = message ?? "";
  $("alarm").hidden = !message;
}

// Do it, or say in one line why not; true if it was done.
export async function attempt(work) {
  try { await work(); alarm(); return true; } catch (error) { alarm(error.message); return false; }
}

// Text only where it differs: a screen reader says what is written anew.
export function write(id, words) {
  if ($(id).textContent !== words) $(id).textContent = words;
}

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

export function row(...cells) {
  const tr = element("tr");
  for (const cell of cells) tr.insertCell().append(cell);
  return tr;
}

// A button in a row of a table; a screen reader says what it is about.
export function small_button(words, about, onclick) {
  const made = element("button", { type: "button", className: "plain small", onclick }, words);
  made.setAttribute("aria-label", `${words}: ${about}`);
  return made;
}

export const dial = digits => attempt(async () => { await ask("/api/dial", { digits }); location.hash = "#telephone"; });

const SVG = "http://www.w3.org/2000/svg";
export function shape(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
