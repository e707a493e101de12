// What the box is called and how it is built, its network and its version.
import { $, ask, attempt, box, element } from "./common.js";
import { current, text } from "./texts.js";

let known = {};
const FIELDS = ["name", "country", "language", "hardware"];

export async function load() {
  known = await ask("/api/settings", undefined, "GET");
  const regions = new Intl.DisplayNames(current(), { type: "region" }), languages = new Intl.DisplayNames(current(), { type: "language" });
  choose("country", known.countries.filter(each => each !== "UK").map(each => [each, regions.of(each)]).sort((a, b) => a[1].localeCompare(b[1])));
  choose("language", [["", text("by_country")], ...known.languages.map(each => [each, languages.of(each)])]);
  choose("hardware", known.hardwares.map(each => [each, text(`hardware_${each}`)]), 2);
  choose("sound", [["", text("as_it_is")], ...known.sounds.map(each => [each, each.toUpperCase()])], 2);
  $("box-name").value = known.name;
  $("network").replaceChildren(...[["addresses", known.addresses.join(", ") || "–"], ["page_at", location.host], ["socket", known.socket]]
    .flatMap(([key, value]) => [element("dt", {}, text(key)), element("dd", {}, value)]));
  $("wireless-form").hidden = !known.wireless;
  $("version").textContent = known.version ? text("version", known.version) : "";
  $("update-look").hidden = !known.updates;
  $("update-state").textContent = known.updates ? known.notices.map(each => `${each.title}: ${each.body}`).join(" ") : text("update_elsewhere");
}

// A choice of fewer than `least` is none.
function choose(field, pairs, least = 1) {
  const select = $(`box-${field}`), hidden = pairs.length < least;
  select.replaceChildren(...pairs.map(([value, words]) => element("option", { value }, words)));
  select.value = known[field] ?? "";
  for (const each of [select, document.querySelector(`label[for="box-${field}"]`)]) each.hidden = hidden;
}

async function save() {
  const wanted = Object.fromEntries(FIELDS.map(field => [field, $(`box-${field}`).value]).filter(([field, value]) => value !== known[field] && !$(`box-${field}`).hidden));
  if ($("box-sound").value) Object.assign(wanted, { sound: $("box-sound").value, hardware: $("box-hardware").value });
  const { restarts } = await ask("/api/settings", wanted);
  $("box-saved").textContent = text(!restarts ? "settings_same" : box.state === "idle" ? "settings_now" : "settings_later");
}

export function start() {
  $("box-form").onsubmit = event => { event.preventDefault(); $("box-saved").textContent = ""; attempt(save); };
  $("wireless-form").onsubmit = event => {
    event.preventDefault();
    attempt(async () => {
      await ask("/api/wireless", { ssid: $("ssid").value, password: $("wireless-password").value, hidden: $("wireless-hidden").checked });
      $("wireless-form").reset();
      $("wireless-saved").textContent = text("wireless_saved");
    });
  };
  $("update-look").onclick = () => attempt(async () => { await ask("/api/update"); $("update-state").textContent = text("update_looking"); });
}
