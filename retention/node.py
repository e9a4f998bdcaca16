"""What retention holds open on this machine: index, key store, and the way to the hub. The index is all it needs to keep what is held."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from vms.clock import Clock, boot_id
from vms.config import Settings
from vms.domain.ids import NodeId
from vms.domain.retention import ClockReading
from vms.domain.timespan import ms_of
from vms.services.hub_link import LocalHub, OrdersLink
from vms.services.nodes import node_of
from vms.store.database import Engines, make_engines
from vms.store.key_credential import footage_key
from vms.store.key_files import KeyFiles
from vms.store.keys import KeyStore
from vms.store.migrate import Which, require_current


@dataclass(frozen=True, slots=True)
class RetentionNode:
    """Made by `opened_node`."""

    clock: Clock
    index: Engines
    central: Engines
    keys: KeyStore
    node_id: NodeId
    hub: OrdersLink
    volume_paths: frozenset[Path] = frozenset()
    """Where the settings say that footage is."""

    def reading(self) -> ClockReading:
        """Return how the machine's clocks stand."""
        return ClockReading(boot_id(), int(self.clock.monotonic() * 1000), ms_of(self.clock.now()))


@contextmanager
def opened_node(settings: Settings, clock: Clock) -> Iterator[RetentionNode]:
    """Open everything while the block runs; a VmsError says in one sentence what is missing."""
    with ExitStack() as opened:
        # A commit that purges would bring its pages into the file while the recorder waits: a pass does that between its transactions.
        index, central = make_engines(settings.index_path, checkpoint_pages=0), make_engines(settings.central_where)
        opened.callback(index.dispose)
        opened.callback(central.dispose)
        with index.answering():
            require_current(index, Which.INDEX)
        with central.answering():
            require_current(central, Which.CENTRAL)
            with central.reading() as session:
                node_id = node_of(session, KeyFiles(settings.node_key_path)).id
        keys = opened.enter_context(closing(KeyStore.open(settings.keys1_path, settings.keys2_path, footage_key(settings))))
        yield RetentionNode(clock, index, central, keys, node_id, LocalHub(central), frozenset(one.path for one in settings.volumes))
