"""The words of pages and answers that stand for stored values: roles, permissions, purposes, states, reasons of gaps."""

from __future__ import annotations

from vms.domain.access import Purpose
from vms.domain.camera import CameraState
from vms.domain.footage import GapReason
from vms.domain.people import Permission, Role

ROLE_LABELS = {Role.DESK: "Desk", Role.DIRECTOR: "Director", Role.IT: "IT", Role.AUDITOR: "Auditor"}
PURPOSE_LABELS = {
    Purpose.LIVE: "Live",
    Purpose.INCIDENT: "Incident",
    Purpose.REQUEST: "Request",
    Purpose.MAINTENANCE: "Maintenance",
}
RECORDED_PURPOSES = (Purpose.INCIDENT, Purpose.REQUEST, Purpose.MAINTENANCE)

ONLY = {
    Permission.LIVE_VIEW: "Only Desk and the Director watch live pictures",
    Permission.RECORDED_VIEW: "Only Desk and the Director watch recordings",
    Permission.CAMERA_LIST: "Only people with an account see the cameras",
    Permission.CAMERA_MANAGE: "Only IT sets up cameras",
    Permission.HEALTH_READ: "Only IT and the Director open this",
    Permission.LOG_READ: "Only the Director and the Auditor open this",
    Permission.PEOPLE_PROPOSE: "Only IT adds accounts",
    Permission.PEOPLE_CONFIRM: "Only the Director confirms accounts",
    Permission.SIGNED_IN: "Only people with an account open this",
    Permission.PUBLIC: "This is open to everybody",
}
ASK = {
    Permission.LIVE_VIEW: "Ask the Director.",
    Permission.RECORDED_VIEW: "Ask the Director.",
    Permission.CAMERA_LIST: "Ask IT.",
    Permission.CAMERA_MANAGE: "Ask IT.",
    Permission.HEALTH_READ: "Ask IT.",
    Permission.LOG_READ: "Ask the Director.",
    Permission.PEOPLE_PROPOSE: "Ask IT.",
    Permission.PEOPLE_CONFIRM: "Ask the Director.",
    Permission.SIGNED_IN: "Ask IT.",
    Permission.PUBLIC: "",
}

STATE_SENTENCES = {
    CameraState.RECORDING: "",
    CameraState.LIVE_ONLY: "Not recorded, by its setting.",
    CameraState.CONNECTING: "Connecting to the camera.",
    CameraState.OFFLINE: "Camera offline.",
    CameraState.REFUSED: "Camera refused the connection.",
    CameraState.SILENT: "Connected, but no pictures come.",
    CameraState.STALLED: "Pictures come incomplete.",
    CameraState.PAUSED: "Paused.",
    CameraState.OFF: "Switched off in its settings.",
    CameraState.DISK_FULL: "Disk full, not recording.",
}
RECORDER_AWAY = "The recorder does not answer."

GAP_SENTENCES = {
    GapReason.OFFLINE: "Camera offline.",
    GapReason.REFUSED: "Camera refused the connection.",
    GapReason.SILENT: "Camera connected, but sent no pictures.",
    GapReason.STALLED: "Pictures came incomplete.",
    GapReason.UNSUPPORTED: "Camera sent a codec that can't be recorded.",
    GapReason.DISK_FULL: "Disk full.",
    GapReason.DISK_SLOW: "Disk too slow.",
    GapReason.DISK_ERROR: "Disk failed.",
    GapReason.RECORDER_STOPPED: "Recorder stopped.",
    GapReason.RECORDER_CRASHED: "Recorder stopped unexpectedly.",
    GapReason.CLOCK_STEP: "Server clock was set.",
    GapReason.STREAM_CHANGED: "Camera changed its settings.",
    GapReason.PAUSED: "Paused.",
    GapReason.OFF: "Switched off in its settings.",
}
