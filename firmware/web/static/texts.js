// Every word a person reads, in both languages; {0} is filled in.
const texts = {
  en: {
    skip: "Skip to content", views: "Views", language: "Language", telephone: "Telephone", line: "Line",
    door: "Welcome", door_why: "The telephone's display shows six digits now. Please type them here.", code: "Code", enter: "Enter", password: "Password", by_code: "Show a code on the telephone instead", leave: "Leave",
    lift: "Lift", replace: "Hang up", flash: "Flash", keypad: "Keypad", my_number: "My number", copy: "Copy", copied: "Copied", own_card: "Save as a vCard", qr: "QR code of {0}",
    route: "Route of this call", plot_lost: "Lost in a second", opinion: "Quality (1 to 5)", no_exchanges: "None is known at the moment.", exchanges: "Exchanges", address: "Address", rtt: "Round trip",
    load: "Load", rings: "Rings through", yes: "yes", no: "no", none: "none", me: "This telephone", exchange: "Exchange", peer: "The other", no_call: "There is no call.",
    router: "Router", internet: "Internet", history: "The last month", history_empty: "Nothing is known yet.", history_reachable: "Reachable", history_loss: "Lost", on_average: "{0} on average",
    codec: "Codec", path: "Path", direct: "direct", relay: "through an exchange", lost: "Lost", received: "Received", jitter: "Jitter", buffer: "Buffer",
    reachable: "Your telephone can be called: it rang itself from outside.", not_reachable: "Your telephone cannot be called from outside yet{0}.",
    gone: "The telephone does not answer. Trying again …", making: "being made …",
    sound: "Sound", sound_turn_on: "Turn the sound on", sound_off: "The sound is off: this telephone cannot ring aloud yet.", sound_on: "The sound is on.", sound_closed: "The sound has no connection. Trying again …",
    sound_taken: "Another page is the handset now.", microphone_off: "The microphone is off until you lift the handset.", microphone_on: "The microphone is on.", microphone_asking: "Please allow the microphone.",
    microphone_refused: "The browser refuses the microphone: allow it for this page, then lift again.", microphone_missing: "There is no microphone.", microphone_insecure: "The microphone is not available at this address.",
    insecure: "This address cannot use the microphone: browsers allow it only on the computer itself (http://localhost or http://127.0.0.1) or by https. You can hear, but not be heard.",
    headset: "I use a headset: do not take echo and noise out", level: "Microphone level", delay: "Loudspeaker {0} ms behind, way to the telephone and back {1} ms", keyboard: "Keyboard: digits, * and #; L lifts and hangs up.",
    book: "Phone book", calls: "Calls", rules: "Who may ring", helping: "Helping others", settings: "Settings", log: "Log", search: "Search", name: "Name", telephone_number: "Number", speed_dial: "Speed dial", actions: "Actions",
    book_empty: "Nobody is in it yet.", contact: "Add or change a contact", favourite: "Favourite: rings in quiet hours, too", authenticated: "The four digits were compared", intercom: "Intercom: this telephone answers by itself", save: "Save", saved: "Saved.",
    vcards: "vCards", import: "Take contacts from a file", export: "Save all contacts as a file", imported: "{0} contacts taken, {1} skipped", call: "Call", change: "Change", delete: "Delete", to_book: "Into the phone book",
    messages: "Messages", message: "Message", new: "new", messages_empty: "Nobody has left one.", call_log: "Call log", older: "Older ones", forget_calls: "Delete all calls", forget_calls_sure: "Delete all calls of the log?",
    only_missed: "Missed calls only", kind: "Kind", when: "When", who: "Who", what: "What", duration: "Duration", calls_empty: "There was none yet.", missed: "missed", incoming: "incoming", outgoing: "outgoing",
    reason_hung_up: "hung up", reason_hung_up_by_peer: "hung up over there", reason_busy: "busy", reason_declined: "declined", reason_do_not_disturb: "wanted to be left in peace", reason_anonymous_refused: "takes no hidden numbers", reason_diverted: "diverted",
    reason_no_answer: "no answer", reason_missed: "missed", reason_wrong_number: "wrong number", reason_emergency: "emergency number", reason_unreachable: "not reachable", reason_offline: "no network", reason_number_changed: "the telephone has changed",
    reason_no_common_codec: "no common codec", reason_not_secure: "line not secure", reason_connection_lost: "connection lost", reason_timed_out: "not dialled", reason_not_ready: "own number not made yet",
    strangers: "Who is not in the phone book", ring_rings: "rings", ring_silent: "is only shown", ring_name: "says its name first", ring_stamp: "has its telephone work first", ring_refused: "hears the busy tone", quiet_from: "Quiet hours from", quiet_to: "to (the same time: no quiet hours)", quiet: "All but favourites then",
    numbers: "Single numbers", blocked_count: "{0} numbers are blocked, by single rules and imported lists.", rule: "Rule", blocked: "blocked", allowed: "may ring",
    helping_never: "This telephone helps no others: it cannot be reached from outside, or helping is switched off.", helping_rests: "This telephone takes nobody new at the moment.", helping_now: "This telephone helps others at the moment.", helping_ready: "This telephone is ready to help others.",
    helping_phones: "{0} of at most {1} telephones are reached through this one", helping_calls: "{0} of at most {1} calls are carried", helping_carried: "{0} MB carried since the start", helping_why: "Who can be reached from outside helps those who cannot: it rings them and carries their calls, sealed. Limits stand in [exchange] of box.toml.",
    this_telephone: "This telephone", own_name: "Your name, shown to those you call", country: "Country: tones, bell and codes", box_language: "Language of the display and the voice", by_country: "as the country", hardware: "How the telephone is built", sound_card: "Sound card", as_it_is: "as it is",
    hardware_gpio: "Handset and keypad on the GPIO header", hardware_usb: "USB phone", hardware_adapter: "Old telephone behind the adapter", settings_now: "Saved. The telephone starts anew with it now.", settings_later: "Saved. The telephone starts anew with it when nobody telephones.", settings_same: "It is so already.",
    network: "Network", addresses: "Addresses", page_at: "This page", socket: "Calls", ssid: "Another wireless network", wireless_password: "Its password", wireless_hidden: "It does not show its name", wireless_saved: "The telephone changes over when nobody telephones. If it cannot join, it opens a network of its own; its display says how to come back.",
    update: "Update", version: "Version {0}", update_look: "Look for a new version now", update_looking: "It looks, and takes a newer version when nobody telephones. The display says what came of it.", update_elsewhere: "This telephone is a program of its computer and is updated there.",
    test_sound: "Sound test", test_why: "For five seconds you hear yourself. Use a headset, or it whistles.", test: "Test", password_is_set: "A password is set. Who forgot it uses a code of the display.", password_is_not_set: "No password is set: each visit needs a code of the display.",
    password_new: "New password (at least 8 characters)", password_remove: "Use codes of the display only", tokens: "Programs that may ask", tokens_why: "Home Assistant and others read the state at /api/v1/state, events at /api/v1/events and figures at /metrics; /openapi.json describes all.",
    rights: "May", may_dial: "Read, dial and hang up", may_read: "Read", token_make: "Make a token", token_made: "Keep this token now, it is not shown again: {0}", again: "Look again",
    backup: "Backup of the number", backup_why: "Who has the words or the file has your number. Keep them as you keep a key.", passphrase: "Passphrase of the file (at least 10 characters)", backup_file: "Save an encrypted file", backup_words: "Show words to print or write down",
    restore_words: "Words of a backup", restore_file: "or its file, with the passphrase above", restore: "Take the number back", restored: "The telephone starts anew with this number.",
    idle: "Ready", off_hook: "Handset lifted", dialling: "Dialling", calling: "Searching", ringback: "It rings at the other end", ringing: "Your telephone rings", connected: "In a call", busy: "Busy", failed: "That did not work",
  },
  de: {
    skip: "Zum Inhalt", views: "Ansichten", language: "Sprache", telephone: "Telefon", line: "Leitung",
    door: "Willkommen", door_why: "Das Telefon zeigt jetzt sechs Ziffern. Bitte hier eintippen.", code: "Code", enter: "Eintreten", password: "Passwort", by_code: "Stattdessen einen Code am Telefon zeigen", leave: "Abmelden",
    lift: "Abheben", replace: "Auflegen", flash: "Flash", keypad: "Tastatur", my_number: "Meine Nummer", copy: "Kopieren", copied: "Kopiert", own_card: "Als vCard sichern", qr: "QR-Code von {0}",
    route: "Weg dieses Gesprächs", plot_lost: "In einer Sekunde verloren", opinion: "Güte (1 bis 5)", no_exchanges: "Zurzeit ist keine bekannt.", exchanges: "Vermittlungen", address: "Adresse", rtt: "Laufzeit",
    load: "Auslastung", rings: "Klingelt durch", yes: "ja", no: "nein", none: "keine", me: "Dieses Telefon", exchange: "Vermittlung", peer: "Das andere", no_call: "Es gibt kein Gespräch.",
    router: "Router", internet: "Internet", history: "Der letzte Monat", history_empty: "Noch ist nichts bekannt.", history_reachable: "Erreichbar", history_loss: "Verloren", on_average: "im Mittel {0}",
    codec: "Codec", path: "Weg", direct: "direkt", relay: "über eine Vermittlung", lost: "Verloren", received: "Empfangen", jitter: "Schwankung", buffer: "Puffer",
    reachable: "Ihr Telefon ist erreichbar: Es hat sich selbst von außen angerufen.", not_reachable: "Ihr Telefon ist von außen noch nicht erreichbar{0}.",
    gone: "Das Telefon antwortet nicht. Neuer Versuch …", making: "wird gerade gemacht …",
    sound: "Ton", sound_turn_on: "Ton einschalten", sound_off: "Der Ton ist aus: Das Telefon kann noch nicht hörbar klingeln.", sound_on: "Der Ton ist an.", sound_closed: "Der Ton hat keine Verbindung. Neuer Versuch …",
    sound_taken: "Eine andere Seite ist jetzt der Hörer.", microphone_off: "Das Mikrofon ist aus, bis Sie abheben.", microphone_on: "Das Mikrofon ist an.", microphone_asking: "Bitte das Mikrofon erlauben.",
    microphone_refused: "Der Browser verweigert das Mikrofon: Bitte für diese Seite erlauben, dann neu abheben.", microphone_missing: "Es gibt kein Mikrofon.", microphone_insecure: "An dieser Adresse gibt es kein Mikrofon.",
    insecure: "An dieser Adresse geht das Mikrofon nicht: Browser erlauben es nur auf dem Rechner selbst (http://localhost oder http://127.0.0.1) oder über https. Sie können hören, aber nicht gehört werden.",
    headset: "Ich benutze ein Headset: Echo und Geräusche nicht herausnehmen", level: "Pegel des Mikrofons", delay: "Lautsprecher {0} ms danach, Weg zum Telefon und zurück {1} ms", keyboard: "Tastatur: Ziffern, * und #; L hebt ab und legt auf.",
    book: "Telefonbuch", calls: "Anrufe", rules: "Wer klingeln darf", helping: "Anderen helfen", settings: "Einstellungen", log: "Protokoll", search: "Suchen", name: "Name", telephone_number: "Nummer", speed_dial: "Kurzwahl", actions: "Aktionen",
    book_empty: "Noch steht niemand darin.", contact: "Kontakt anlegen oder ändern", favourite: "Favorit: klingelt auch zur Ruhezeit", authenticated: "Die vier Ziffern wurden verglichen", intercom: "Gegensprechen: Dieses Telefon nimmt selbst ab", save: "Speichern", saved: "Gespeichert.",
    vcards: "vCards", import: "Kontakte aus einer Datei übernehmen", export: "Alle Kontakte als Datei speichern", imported: "{0} Kontakte übernommen, {1} übergangen", call: "Anrufen", change: "Ändern", delete: "Löschen", to_book: "Ins Telefonbuch",
    messages: "Nachrichten", message: "Nachricht", new: "neu", messages_empty: "Niemand hat eine hinterlassen.", call_log: "Anrufliste", older: "Ältere", forget_calls: "Alle Anrufe löschen", forget_calls_sure: "Alle Anrufe der Liste löschen?",
    only_missed: "Nur verpasste Anrufe", kind: "Art", when: "Wann", who: "Wer", what: "Was", duration: "Dauer", calls_empty: "Es gab noch keinen.", missed: "verpasst", incoming: "ankommend", outgoing: "abgehend",
    reason_hung_up: "aufgelegt", reason_hung_up_by_peer: "drüben aufgelegt", reason_busy: "besetzt", reason_declined: "abgelehnt", reason_do_not_disturb: "wollte Ruhe", reason_anonymous_refused: "nimmt keine verborgenen Nummern", reason_diverted: "umgeleitet",
    reason_no_answer: "keine Antwort", reason_missed: "verpasst", reason_wrong_number: "falsche Nummer", reason_emergency: "Notruf", reason_unreachable: "nicht erreichbar", reason_offline: "kein Netz", reason_number_changed: "das Telefon ist ein anderes",
    reason_no_common_codec: "kein gemeinsamer Codec", reason_not_secure: "Leitung nicht sicher", reason_connection_lost: "Verbindung verloren", reason_timed_out: "nicht gewählt", reason_not_ready: "eigene Nummer noch nicht fertig",
    strangers: "Wer nicht im Telefonbuch steht", ring_rings: "klingelt", ring_silent: "wird nur angezeigt", ring_name: "sagt zuerst seinen Namen", ring_stamp: "lässt zuerst sein Telefon rechnen", ring_refused: "hört das Besetztzeichen", quiet_from: "Ruhezeit von", quiet_to: "bis (gleiche Zeit: keine Ruhezeit)", quiet: "Alle außer Favoriten dann",
    numbers: "Einzelne Nummern", blocked_count: "{0} Nummern sind gesperrt, einzeln und durch Listen.", rule: "Regel", blocked: "gesperrt", allowed: "darf klingeln",
    helping_never: "Dieses Telefon hilft keinem anderen: Es ist von außen nicht erreichbar, oder das Helfen ist abgeschaltet.", helping_rests: "Dieses Telefon nimmt zurzeit niemanden neu an.", helping_now: "Dieses Telefon hilft gerade anderen.", helping_ready: "Dieses Telefon ist bereit, anderen zu helfen.",
    helping_phones: "{0} von höchstens {1} Telefonen werden über dieses erreicht", helping_calls: "{0} von höchstens {1} Gesprächen werden befördert", helping_carried: "{0} MB befördert seit dem Start", helping_why: "Wer von außen erreichbar ist, hilft denen, die es nicht sind: Er lässt sie klingeln und befördert ihre Gespräche, versiegelt. Die Grenzen stehen in [exchange] der box.toml.",
    this_telephone: "Dieses Telefon", own_name: "Ihr Name, wie ihn Angerufene sehen", country: "Land: Töne, Klingel und Kennziffern", box_language: "Sprache von Display und Ansagen", by_country: "wie das Land", hardware: "Bauweise des Telefons", sound_card: "Tonkarte", as_it_is: "wie bisher",
    hardware_gpio: "Hörer und Tastatur an der GPIO-Leiste", hardware_usb: "USB-Telefon", hardware_adapter: "Altes Telefon hinter dem Adapter", settings_now: "Gespeichert. Das Telefon beginnt jetzt neu damit.", settings_later: "Gespeichert. Das Telefon beginnt neu damit, sobald niemand telefoniert.", settings_same: "So ist es schon.",
    network: "Netz", addresses: "Adressen", page_at: "Diese Seite", socket: "Gespräche", ssid: "Ein anderes WLAN", wireless_password: "Sein Passwort", wireless_hidden: "Es zeigt seinen Namen nicht", wireless_saved: "Das Telefon wechselt, sobald niemand telefoniert. Kommt es nicht hinein, öffnet es ein eigenes WLAN; das Display sagt, wie es weitergeht.",
    update: "Aktualisierung", version: "Version {0}", update_look: "Jetzt nach einer neuen Version sehen", update_looking: "Das Telefon sieht nach und nimmt eine neuere Version, sobald niemand telefoniert. Das Display sagt, was daraus wurde.", update_elsewhere: "Dieses Telefon ist ein Programm seines Rechners und wird dort aktualisiert.",
    test_sound: "Tonprobe", test_why: "Fünf Sekunden lang hören Sie sich selbst. Mit Headset, sonst pfeift es.", test: "Probe", password_is_set: "Ein Passwort ist gesetzt. Wer es vergessen hat, nimmt einen Code vom Display.", password_is_not_set: "Kein Passwort gesetzt: Jeder Besuch braucht einen Code vom Display.",
    password_new: "Neues Passwort (mindestens 8 Zeichen)", password_remove: "Nur Codes vom Display verwenden", tokens: "Programme, die fragen dürfen", tokens_why: "Home Assistant und andere lesen den Zustand unter /api/v1/state, Ereignisse unter /api/v1/events und Messwerte unter /metrics; /openapi.json beschreibt alles.",
    rights: "Darf", may_dial: "Lesen, wählen und auflegen", may_read: "Lesen", token_make: "Token anlegen", token_made: "Diesen Token jetzt aufheben, er wird nicht wieder gezeigt: {0}", again: "Neu laden",
    backup: "Sicherung der Nummer", backup_why: "Wer die Wörter oder die Datei hat, hat Ihre Nummer. Bitte wie einen Schlüssel aufheben.", passphrase: "Passwort der Datei (mindestens 10 Zeichen)", backup_file: "Verschlüsselte Datei speichern", backup_words: "Wörter zum Drucken oder Aufschreiben zeigen",
    restore_words: "Wörter einer Sicherung", restore_file: "oder ihre Datei, mit dem Passwort oben", restore: "Nummer zurückholen", restored: "Das Telefon beginnt neu, mit dieser Nummer.",
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
