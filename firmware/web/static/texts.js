// Every word a person reads, in both languages; {0} is filled in.
const texts = {
  en: {
    skip: "Skip to content", views: "Views", language: "Language", telephone: "Telephone", line: "Line",
    door: "Welcome", door_why: "The telephone's display shows six digits now. Please type them here.", code: "Code", enter: "Enter", password: "Password", by_code: "Show a code on the telephone instead", leave: "Leave",
    lift: "Lift", replace: "Hang up", flash: "Flash", keypad: "Keypad", my_number: "My number", copy: "Copy", copied: "Copied", qr: "QR code of {0}",
    route: "Route of this call", plot_lost: "Lost in a second", opinion: "Quality (1 to 5)", no_exchanges: "None is known at the moment.", exchanges: "Exchanges", address: "Address", rtt: "Round trip",
    load: "Load", rings: "Rings through", yes: "yes", no: "no", none: "none", me: "This telephone", exchange: "Exchange", peer: "The other", no_call: "There is no call.",
    codec: "Codec", path: "Path", direct: "direct", relay: "through an exchange", lost: "Lost", received: "Received", jitter: "Jitter", buffer: "Buffer",
    reachable: "Your telephone can be called: it rang itself from outside.", not_reachable: "Your telephone cannot be called from outside yet{0}.",
    gone: "The telephone does not answer. Trying again …", making: "being made …",
    sound: "Sound", sound_turn_on: "Turn the sound on", sound_off: "The sound is off: this telephone cannot ring aloud yet.", sound_on: "The sound is on.", sound_closed: "The sound has no connection. Trying again …",
    sound_taken: "Another page is the handset now.", microphone_off: "The microphone is off until you lift the handset.", microphone_on: "The microphone is on.", microphone_asking: "Please allow the microphone.",
    microphone_refused: "The browser refuses the microphone: allow it for this page, then lift again.", microphone_missing: "There is no microphone.", microphone_insecure: "The microphone is not available at this address.",
    insecure: "This address cannot use the microphone: browsers allow it only on the computer itself (http://localhost or http://127.0.0.1) or by https. You can hear, but not be heard.",
    headset: "I use a headset: do not take echo and noise out", level: "Microphone level", delay: "Loudspeaker {0} ms behind, way to the telephone and back {1} ms", keyboard: "Keyboard: digits, * and #; L lifts and hangs up.",
    idle: "Ready", off_hook: "Handset lifted", dialling: "Dialling", calling: "Searching", ringback: "It rings at the other end", ringing: "Your telephone rings", connected: "In a call", busy: "Busy", failed: "That did not work",
  },
  de: {
    skip: "Zum Inhalt", views: "Ansichten", language: "Sprache", telephone: "Telefon", line: "Leitung",
    door: "Willkommen", door_why: "Das Telefon zeigt jetzt sechs Ziffern. Bitte hier eintippen.", code: "Code", enter: "Eintreten", password: "Passwort", by_code: "Stattdessen einen Code am Telefon zeigen", leave: "Abmelden",
    lift: "Abheben", replace: "Auflegen", flash: "Flash", keypad: "Tastatur", my_number: "Meine Nummer", copy: "Kopieren", copied: "Kopiert", qr: "QR-Code von {0}",
    route: "Weg dieses Gesprächs", plot_lost: "In einer Sekunde verloren", opinion: "Güte (1 bis 5)", no_exchanges: "Zurzeit ist keine bekannt.", exchanges: "Vermittlungen", address: "Adresse", rtt: "Laufzeit",
    load: "Auslastung", rings: "Klingelt durch", yes: "ja", no: "nein", none: "keine", me: "Dieses Telefon", exchange: "Vermittlung", peer: "Das andere", no_call: "Es gibt kein Gespräch.",
    codec: "Codec", path: "Weg", direct: "direkt", relay: "über eine Vermittlung", lost: "Verloren", received: "Empfangen", jitter: "Schwankung", buffer: "Puffer",
    reachable: "Ihr Telefon ist erreichbar: Es hat sich selbst von außen angerufen.", not_reachable: "Ihr Telefon ist von außen noch nicht erreichbar{0}.",
    gone: "Das Telefon antwortet nicht. Neuer Versuch …", making: "wird gerade gemacht …",
    sound: "Ton", sound_turn_on: "Ton einschalten", sound_off: "Der Ton ist aus: Das Telefon kann noch nicht hörbar klingeln.", sound_on: "Der Ton ist an.", sound_closed: "Der Ton hat keine Verbindung. Neuer Versuch …",
    sound_taken: "Eine andere Seite ist jetzt der Hörer.", microphone_off: "Das Mikrofon ist aus, bis Sie abheben.", microphone_on: "Das Mikrofon ist an.", microphone_asking: "Bitte das Mikrofon erlauben.",
    microphone_refused: "Der Browser verweigert das Mikrofon: Bitte für diese Seite erlauben, dann neu abheben.", microphone_missing: "Es gibt kein Mikrofon.", microphone_insecure: "An dieser Adresse gibt es kein Mikrofon.",
    insecure: "An dieser Adresse geht das Mikrofon nicht: Browser erlauben es nur auf dem Rechner selbst (http://localhost oder http://127.0.0.1) oder über https. Sie können hören, aber nicht gehört werden.",
    headset: "Ich benutze ein Headset: Echo und Geräusche nicht herausnehmen", level: "Pegel des Mikrofons", delay: "Lautsprecher {0} ms danach, Weg zum Telefon und zurück {1} ms", keyboard: "Tastatur: Ziffern, * und #; L hebt ab und legt auf.",
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
