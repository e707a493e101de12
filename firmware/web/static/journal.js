// The last lines of the box's log.
import { $, ask, attempt, element, row } from "./common.js";
import { current } from "./texts.js";

export const enter = () => attempt(async () => {
  const { lines } = await ask("/api/log", undefined, "GET");
  $("log-list").replaceChildren(...lines.map(({ at, level, text }) => {
    const made = row(new Date(at).toLocaleTimeString(current()), element("span", { className: level }, level), text);
    return made;
  }));
});
export const show = () => {};
export function start() { $("log-again").onclick = enter; }
