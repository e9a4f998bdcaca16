"""What retention holds open on this machine: index, key store, and the way to the hub. The index is all it needs to keep what is held."""

from __future__ import annotations

from dataclasses import dataclass

from vms.clock import Clock, boot_id
from vms.domain.ids import NodeId
from vms.domain.retention import ClockReading
from vms.domain.timespan import ms_of
from vms.services.hub_link import OrdersLink
from vms.store.database import Engines
from vms.store.keys import KeyStore


@dataclass(frozen=True, slots=True)
class RetentionNode:
    """Closed by `close`."""

    clock: Clock
    index: Engines
    central: Engines
    keys: KeyStore
    node_id: NodeId
    hub: OrdersLink

    def reading(self) -> ClockReading:
        """Return how the machine's clocks stand."""
        return ClockReading(boot_id(), int(self.clock.monotonic() * 1000), ms_of(self.clock.now()))

    def close(self) -> None:
        self.keys.close()
        self.index.dispose()
        self.central.dispose()
