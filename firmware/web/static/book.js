// The phone book: search, call, change, vCards in and out.
import { $, ask, attempt, box, dial, element, row, small_button, spaced } from "./common.js";
import { text } from "./texts.js";

let contacts = [];

async function load() {
  ({ contacts } = await ask("/api/book", undefined, "GET"));
  list();
}

export const enter = () => attempt(load);

function list() {
  const wanted = $("book-search").value.toLowerCase();
  const found = contacts.filter(each => `${each.name.toLowerCase()} ${each.number}`.includes(wanted));
  $("book-list").replaceChildren(...found.map(line));
  $("book-empty").hidden = found.length > 0;
}

function line(contact) {
  const marks = element("span", {}, contact.is_favourite ? "★ " : "", contact.is_authenticated ? "✓ " : "");
  const words = [contact.is_favourite && text("favourite"), contact.is_authenticated && text("authenticated")].filter(Boolean).join(", ");
  if (words) { marks.title = words; marks.setAttribute("role", "img"); marks.setAttribute("aria-label", words); }
  const actions = element("span", { className: "actions" });
  if (box.hand) actions.append(small_button(text("call"), contact.name, () => dial(contact.number)));
  if (!contact.is_fixed) {
    actions.append(small_button(text("change"), contact.name, () => edit(contact)));
    actions.append(small_button(text("delete"), contact.name, () => attempt(async () => { await ask("/api/book", { number: contact.number }, "DELETE"); await load(); })));
  }
  return row(element("span", {}, marks, contact.name), spaced(contact.number), contact.speed_dial, actions);
}

export function edit(contact) {
  $("contact-number").value = contact.number ?? "";
  $("contact-name").value = contact.name ?? "";
  $("contact-dial").value = contact.speed_dial ?? "";
  $("contact-favourite").checked = contact.is_favourite ?? false;
  $("contact-intercom").checked = contact.is_intercom ?? false;
  $("contact-name").focus();
}

export function start() {
  $("book-search").oninput = list;
  $("contact-form").onsubmit = async event => {
    event.preventDefault();
    const saved = await attempt(async () => {
      await ask("/api/book", { number: $("contact-number").value, name: $("contact-name").value, speed_dial: $("contact-dial").value, is_favourite: $("contact-favourite").checked, is_intercom: $("contact-intercom").checked });
      await load();
    });
    if (saved) $("contact-form").reset();
  };
  $("book-import").onchange = () => attempt(async () => {
    const [file] = $("book-import").files;
    if (!file) return;
    const { saved, skipped } = await ask("/api/book/import", { cards: await file.text() });
    $("book-imported").textContent = text("imported", saved, skipped);
    $("book-import").value = "";
    await load();
  });
}
export const show = () => {};
