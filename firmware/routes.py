"""Which cores hear which message: the one table by which the phone introduces them to each other.

Knows the names of the cores and the kinds of messages, and nothing of what they say.
"""

from __future__ import annotations

from firmware import (
    book_events,
    events,
    feature_events,
    network_events,
    path_events,
    store_events,
    system_events,
)
from firmware.demux import Protocol
from firmware.events import Message

# Which cores hear a message, in this order. What is in WORLD goes (also) to the shell.
ROUTES: dict[type[Message], tuple[str, ...]] = {
    events.Started: ("directory", "claim", "fallback", "call", "display", "mapper", "log"),
    events.HookLifted: ("call",),
    events.HookReplaced: ("call",),
    events.HookFlashed: ("call",),
    events.KeyPressed: ("ear", "selftest", "call", "media", "mouth"),
    events.MicrophoneMuted: (),  # box.py keeps the microphone's sound back
    events.ShutdownHeld: (),  # box.py ends
    events.WallClockRead: ("directory", "call", "book", "display", "log"),
    events.HardwareFailed: ("display",),
    events.HardwareRecovered: ("display",),
    events.Argon2Computed: ("claim", "directory", "call"),
    events.HostResolved: ("directory", "fallback"),
    events.LanNeighbourSeen: ("directory",),
    events.PageCodeWanted: ("display",),
    events.LanNeighbourLost: ("directory",),
    events.AddressesChanged: ("fallback", "paths", "mapper"),
    events.ObservedAt: ("paths", "mapper"),
    events.PortMapped: ("paths", "directory"),
    events.GatewayFound: ("mapper",),
    events.UpnpAnswered: ("mapper",),
    events.Stopping: ("mapper", "directory"),
    events.OwnCandidatesFound: ("call",),
    events.PreparePath: ("paths",),
    events.ProbePeer: ("paths",),
    path_events.SoundRouter: ("directory",),
    path_events.RouterSounded: ("paths",),
    events.PathChanged: ("call", "display", "log"),
    network_events.RelayUsed: ("directory",),
    network_events.StreamOpened: ("fallback", "directory"),
    network_events.StreamClosed: ("fallback",),
    network_events.TunnelKnown: ("fallback",),
    network_events.DatagramBeside: ("fallback",),
    events.ClaimProgressed: ("display",),
    events.NumberClaimed: ("directory", "call", "display"),
    events.ReachabilityChanged: ("display",),
    events.EndpointRefused: ("call",),
    events.ExpectNumber: ("directory",),
    events.ResolveNumber: ("directory",),
    events.NumberResolved: ("claim", "call"),
    events.NumberUnresolved: ("claim", "call"),
    events.CallChanged: (
        "ear",
        "mouth",
        "selftest",
        "fallback",
        "display",
        "announcer",
        "features",
    ),
    events.CallEnded: ("display", "log"),
    events.PeerPinned: ("directory",),
    events.PrepareMedia: ("media", "log"),
    events.StartMedia: ("media", "paths"),
    events.ChangeCodec: ("media",),
    events.StopMedia: ("media", "paths"),
    events.MediaReported: ("display", "log"),
    events.MediaLost: ("call",),
    events.LoopMeasured: ("display",),
    feature_events.Say: ("announcer",),
    feature_events.Hush: ("announcer",),
    feature_events.Said: ("features",),
    feature_events.Announced: ("display",),
    events.KeyHeard: (),  # for menus
    system_events.NoticesChanged: ("display",),
    store_events.RecordsLoaded: ("book",),
    store_events.RecordSaved: ("book", "log"),
    store_events.SaveFailed: ("book",),
    store_events.RecordRead: (),
    store_events.RecordsRead: ("log",),
    store_events.StoreChanged: (),
    book_events.SaveContact: ("book",),
    book_events.ForgetContact: ("book",),
    book_events.SetRule: ("book",),
    book_events.SetRingRules: ("book",),
    book_events.SearchBook: ("book",),
    book_events.BookChanged: (),
    book_events.RingRulesChanged: (),
    book_events.BookRefused: (),
    book_events.BookFound: (),
}
DATAGRAM_ROUTES: dict[Protocol, tuple[str, ...]] = {
    Protocol.KRPC: ("directory", "fallback"),
    Protocol.RTP: ("media",),
    Protocol.SEALED: ("call",),
    Protocol.CHANNEL: ("directory", "fallback"),  # which hands on what was carried
    Protocol.STUN: ("directory", "paths", "mapper"),  # a plain request, or a check of a call
}
WORLD: frozenset[type[Message]] = frozenset(
    {
        events.SendDatagram,
        events.ComputeArgon2,
        events.ResolveHost,
        events.AnnounceOnLan,
        events.StoreState,
        events.FindGateway,
        events.AskUpnp,
        events.SendFromOtherPort,
        network_events.OpenRelay,
        network_events.CloseRelay,
        network_events.LimitRelays,
        network_events.OpenStream,
        network_events.CloseStream,
        network_events.SendBeside,
        store_events.SaveRecord,
        store_events.ReadRecord,
        store_events.ReadRecords,
        events.StartRinging,
        events.StopRinging,
        events.OpenEarpiece,
        events.CloseEarpiece,
        events.OpenMicrophone,
        events.CloseMicrophone,
        events.ShowPicture,
        events.CallChanged,
        events.CallEnded,
        events.NumberClaimed,
    }
)
