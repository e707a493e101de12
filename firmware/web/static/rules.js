// Who may ring: strangers, quiet hours, single numbers.
import { $, ask, attempt, row, small_button, spaced } from "./common.js";
import { text } from "./texts.js";

const clock = minute => `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
const minute = words => { const [hours, minutes] = words.split(":"); return 60 * Number(hours) + Number(minutes); };

async function load() {
  const rules = await ask("/api/rules", undefined, "GET");
  $("strangers").value = rules.strangers;
  $("quiet").value = rules.quiet;
  $("quiet-from").value = clock(rules.quiet_from_minute);
  $("quiet-to").value = clock(rules.quiet_to_minute);
  $("blocked").textContent = text("blocked_count", rules.blocked);
  $("rules-empty").hidden = rules.numbers.length > 0;
  $("rule-list").replaceChildren(...rules.numbers.map(each => row(spaced(each.number), text(each.rule),
    small_button(text("delete"), spaced(each.number), () => change(each.number, null)))));
}

const change = (number, rule) => attempt(async () => { await ask("/api/rule", { number, rule }); await load(); });
export const enter = () => attempt(load);
export const show = () => {};

export function start() {
  $("rules-form").onsubmit = event => {
    event.preventDefault();
    attempt(async () => {
      await ask("/api/rules", { strangers: $("strangers").value, quiet: $("quiet").value, quiet_from_minute: minute($("quiet-from").value), quiet_to_minute: minute($("quiet-to").value) });
      await load();
      $("rules-saved").textContent = text("saved");
    });
  };
  $("rule-form").onsubmit = async event => {
    event.preventDefault();
    if (await change($("rule-number").value, $("rule-kind").value)) $("rule-form").reset();
  };
}
