"""The figures of the box for Prometheus.

Source: Prometheus' text format 0.0.4 (and OpenMetrics' names: base units, `_total` for counters).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
COUNTER, GAUGE = "counter", "gauge"
RTP = {  # field of the status: name, kind, help
    "packets_sent": ("call_packets_sent_total", COUNTER, "RTP packets sent in this call"),
    "packets_received": ("call_packets_received_total", COUNTER, "RTP packets received"),
    "packets_lost": ("call_packets_lost_total", COUNTER, "RTP packets that never came"),
    "packets_late": ("call_packets_late_total", COUNTER, "RTP packets that came too late"),
    "frames_concealed": ("call_frames_concealed_total", COUNTER, "Frames that had to be guessed"),
    "frames_recovered": ("call_frames_recovered_total", COUNTER, "Frames out of a copy"),
    "jitter_s": ("call_jitter_seconds", GAUGE, "Interarrival jitter, RFC 3550 section 6.4.1"),
    "buffer_s": ("call_buffer_seconds", GAUGE, "Delay of the jitter buffer"),
    "opinion": ("call_opinion_score", GAUGE, "MOS of what is heard, by the E-model, 1 to 4.5"),
}
AUDIO = {
    "overruns": ("audio_overruns_total", COUNTER, "How often sound of the microphone was lost"),
    "underruns": ("audio_underruns_total", COUNTER, "How often the earpiece ran dry"),
}
HELPING = {
    "registrations": ("exchange_registrations", GAUGE, "Boxes registered here"),
    "channels": ("exchange_channels", GAUGE, "Calls that are relayed here"),
}
PROCESS = {
    "cpu_s": ("process_cpu_seconds_total", COUNTER, "CPU time since the start"),
    "rss_mb": ("process_resident_memory_megabytes", GAUGE, "Resident memory"),
}
STATES = (
    "idle", "off_hook", "dialling", "calling", "ringback", "ringing", "connected", "busy", "failed",
)  # fmt: skip


def metrics(status: Mapping[str, Any]) -> str:
    """All of them; what is not known is left out."""
    lines: list[str] = []
    _add(lines, "reachable", GAUGE, "Whether the box was rung from outside", status["reachable"])
    _add(lines, "dht_nodes", GAUGE, "Nodes of the DHT that are known", status.get("nodes"))
    _add(lines, "exchanges", GAUGE, "Exchanges we are registered with", _count(status, "exchanges"))
    _add(lines, "faults", GAUGE, "Parts of the telephone that failed", _count(status, "faults"))
    _add(lines, "call_round_trip_seconds", GAUGE, "To the peer and back", status.get("rtt_s"))
    for section, table in (
        ("rtp", RTP), ("audio", AUDIO), ("helping", HELPING), ("process", PROCESS)
    ):  # fmt: skip
        for key, (name, kind, words) in table.items():
            _add(lines, name, kind, words, (status.get(section) or {}).get(key))
    _head(lines, "state", GAUGE, "1 for the state the telephone is in")
    lines += [f'fernruf_state{{state="{each}"}} {int(each == status["state"])}' for each in STATES]
    return "\n".join(lines) + "\n"


def _add(lines: list[str], name: str, kind: str, words: str, value: float | None) -> None:
    if value is not None:
        _head(lines, name, kind, words)
        lines.append(f"fernruf_{name} {float(value):.10g}")


def _head(lines: list[str], name: str, kind: str, words: str) -> None:
    lines += [f"# HELP fernruf_{name} {words}", f"# TYPE fernruf_{name} {kind}"]


def _count(status: Mapping[str, Any], key: str) -> int | None:
    found = status.get(key)
    return None if found is None else len(found)
