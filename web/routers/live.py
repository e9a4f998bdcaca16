"""The WebSocket of live pictures."""

from __future__ import annotations

from fastapi import APIRouter, WebSocket

from web.deps import TheSite
from web.permissions import LivePlayer
from web.security import COOKIE

router = APIRouter()


@router.websocket("/api/v1/ws")
async def live_socket(websocket: WebSocket, person: LivePlayer, site: TheSite) -> None:
    await site.gateway.serve(websocket, person, websocket.cookies[COOKIE])
