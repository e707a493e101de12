from firmware.model import Endpoint
from firmware.overlay.dht.krpc import Contact
from firmware.overlay.dht.routing import FRESH_S
from firmware.overlay.dht.rows import FAILURES_MAX
from firmware.overlay.dht.tables import QUARANTINE_S, SILENT_MAX, Tables


def contact(index: int, *, is_v6: bool = False) -> Contact:
    host = f"2001:db8:{index:x}::1" if is_v6 else f"10.0.{index >> 8}.{index & 255}"
    return Contact(b"\x08" + index.to_bytes(19, "big"), Endpoint(host, 6881))


def test_tables_put_each_node_into_the_table_of_its_family() -> None:
    tables = Tables(bytes(20))
    assert tables.families() == ()
    tables.answered(contact(1), 0.1, now_s=0.0)
    tables.answered(contact(2, is_v6=True), 0.1, now_s=0.0)
    assert (tables.v4.nodes, tables.v6.nodes, tables.nodes) == (1, 1, 2)
    assert tables.families() == (tables.v4, tables.v6)
    assert tables.contacts_by_family() == [[contact(1)], [contact(2, is_v6=True)]]


def test_tables_move_changes_the_id_of_one_family_only() -> None:
    tables = Tables(bytes(20))
    tables.answered(contact(1), 0.1, now_s=0.0)
    tables.move(b"\xf0" * 20, is_v6=False)
    assert (tables.v4.own_id, tables.v6.own_id) == (b"\xf0" * 20, bytes(20))
    assert tables.v4.all_contacts() == [contact(1)]


def test_quarantine_of_a_silent_stranger_ends_after_minutes_or_with_its_answer() -> None:
    tables = Tables(bytes(20))
    silent = contact(1)
    tables.failed(silent, 0.0, is_online=True)
    assert tables.is_quarantined(silent.endpoint, QUARANTINE_S - 1.0)
    assert not tables.is_quarantined(silent.endpoint, QUARANTINE_S)
    tables.answered(silent, 0.1, now_s=1.0)
    assert not tables.is_quarantined(silent.endpoint, 2.0)


def test_quarantine_spares_a_node_we_still_trust_and_everybody_while_we_are_offline() -> None:
    tables = Tables(bytes(20))
    tables.answered(contact(1), 0.1, now_s=0.0)
    tables.failed(contact(1), 1.0, is_online=True)
    assert not tables.is_quarantined(contact(1).endpoint, 2.0)
    for _ in range(FAILURES_MAX):
        tables.failed(contact(1), 1.0, is_online=True)
    assert tables.is_quarantined(contact(1).endpoint, 2.0)
    tables.failed(contact(2), 1.0, is_online=False)
    assert not tables.is_quarantined(contact(2).endpoint, 2.0)


def test_quarantine_at_its_limit_releases_the_first_and_forgets_what_is_over() -> None:
    tables = Tables(bytes(20))
    for index in range(SILENT_MAX + 1):
        tables.failed(contact(index), float(index), is_online=True)
    assert not tables.is_quarantined(contact(0).endpoint, 1.0)
    assert tables.is_quarantined(contact(1).endpoint, 1.0)
    tables.release(1e6)
    assert not tables.is_quarantined(contact(1).endpoint, 1.0)


def test_care_pings_in_turn_the_stalest_node_and_one_we_were_told_of() -> None:
    tables = Tables(bytes(20))
    for index in range(8):
        tables.answered(contact(index), 0.1, now_s=float(index))
    tables.v4.told(contact(100))
    tables.v4.told(contact(101))
    now_s = FRESH_S + 100.0
    pinged = [tables.to_ping(now_s) for _ in range(4)]
    assert pinged == [contact(0), contact(101), contact(0), contact(100)]
    tables.answered(contact(0), 0.1, now_s)
    assert tables.to_ping(now_s) == contact(1)


def test_care_does_not_ping_what_is_fresh_or_in_quarantine() -> None:
    tables = Tables(bytes(20))
    tables.answered(contact(1), 0.1, now_s=0.0)
    tables.failed(contact(100), 0.0, is_online=True)
    tables.v4.told(contact(100))
    assert [tables.to_ping(1.0) for _ in range(4)] == [None] * 4
