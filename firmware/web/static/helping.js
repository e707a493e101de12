// What this box does for others, and how much of its limits that is.
import { $, box, element, write } from "./common.js";
import { text } from "./texts.js";

export function show() {
  const helping = box.helping;
  write("helping-words", text(!helping ? "helping_never" : helping.is_draining ? "helping_rests" : helping.registrations || helping.channels ? "helping_now" : "helping_ready"));
  $("helping-figures").replaceChildren(...(helping ? [
    ["helping_phones", helping.registrations, helping.limits.registrations],
    ["helping_calls", helping.channels, helping.limits.channels],
  ] : []).map(([key, value, most]) => {
    const meter = element("meter", { min: 0, max: most, value });
    meter.setAttribute("aria-label", text(key, value, most));
    return element("div", {}, element("p", {}, text(key, value, most)), meter);
  }));
  write("helping-carried", helping ? text("helping_carried", (helping.bytes_relayed / 1e6).toFixed(1)) : "");
}
export const start = () => {};
