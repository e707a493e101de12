// Every word a person reads, in both languages; {0} is filled in.
const texts = {
  en: {
    skip: "Skip to content", views: "Views", language: "Language", telephone: "Telephone", line: "Line",
    door: "Welcome", door_why: "The telephone's display shows six digits now. Please type them here.", code: "Code", enter: "Enter", leave: "Leave",
    lift: "Lift", replace: "Hang up", flash: "Flash", keypad: "Keypad", my_number: "My number", copy: "Copy", copied: "Copied", qr: "QR code of {0}",
    route: "Route of this call", plot: "Lost packets (bars) and buffer (line) of the last two minutes", exchanges: "Exchanges", address: "Address", rtt: "Round trip",
    load: "Load", rings: "Rings through", yes: "yes", no: "no", none: "none", me: "This telephone", exchange: "Exchange", peer: "The other", no_call: "There is no call.",
    codec: "Codec", path: "Path", direct: "direct", relay: "through an exchange", lost: "Lost", received: "Received", jitter: "Jitter", buffer: "Buffer",
    reachable: "Your telephone can be called: it rang itself from outside.", not_reachable: "Your telephone cannot be called from outside yet{0}.",
    gone: "The telephone does not answer. Trying again …", making: "being made …",
    idle: "Ready", off_hook: "Handset lifted", dialling: "Dialling", calling: "Searching", ringback: "It rings at the other end", ringing: "Your telephone rings", connected: "In a call", busy: "Busy", failed: "That did not work",
  },
  de: {
    skip: "Zum Inhalt", views: "Ansichten", language: "Sprache", telephone: "Telefon", line: "Leitung",
    door: "Willkommen", door_why: "Das Telefon zeigt jetzt sechs Ziffern. Bitte hier eintippen.", code: "Code", enter: "Eintreten", leave: "Abmelden",
    lift: "Abheben", replace: "Auflegen", flash: "Flash", keypad: "Tastatur", my_number: "Meine Nummer", copy: "Kopieren", copied: "Kopiert", qr: "QR-Code von {0}",
    route: "Weg dieses Gesprächs", plot: "Verlorene Pakete (Balken) und Puffer (Linie) der letzten zwei Minuten", exchanges: "Vermittlungen", address: "Adresse", rtt: "Laufzeit",
    load: "Auslastung", rings: "Klingelt durch", yes: "ja", no: "nein", none: "keine", me: "Dieses Telefon", exchange: "Vermittlung", peer: "Das andere", no_call: "Es gibt kein Gespräch.",
    codec: "Codec", path: "Weg", direct: "direkt", relay: "über eine Vermittlung", lost: "Verloren", received: "Empfangen", jitter: "Schwankung", buffer: "Puffer",
    reachable: "Ihr Telefon ist erreichbar: Es hat sich selbst von außen angerufen.", not_reachable: "Ihr Telefon ist von außen noch nicht erreichbar{0}.",
    gone: "Das Telefon antwortet nicht. Neuer Versuch …", making: "wird gerade gemacht …",
    idle: "Bereit", off_hook: "Hörer abgehoben", dialling: "Wählt", calling: "Sucht", ringback: "Es klingelt beim anderen", ringing: "Ihr Telefon klingelt", connected: "Im Gespräch", busy: "Besetzt", failed: "Das ging nicht",
  },
};

let language = localStorage.getItem("language") ?? (navigator.language.startsWith("de") ? "de" : "en");

export const current = () => language;
export const text = (key, ...values) => values.reduce((line, value, i) => line.replace(`{${i}}`, value), texts[language][key] ?? key);

export function speak(wanted) {
  language = wanted in texts ? wanted : "en";
  localStorage.setItem("language", language);
  document.documentElement.lang = language;
  for (const each of document.querySelectorAll("[data-text]")) each.textContent = text(each.dataset.text);
  for (const each of document.querySelectorAll("[data-label]")) each.setAttribute("aria-label", text(each.dataset.label));
}
