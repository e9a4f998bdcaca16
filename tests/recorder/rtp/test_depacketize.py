"""NAL units of both codecs in every packet form, put together to access units."""

from __future__ import annotations

import pytest

from recorder.rtp.access_unit import MAX_PIECES, MAX_UNIT_BYTES, AccessUnit
from recorder.rtp.h264 import H264
from recorder.rtp.h265 import H265
from recorder.rtp.nal import Role
from recorder.rtp.reader import StreamReader
from tests.recorder.rtp.packets import TICKS, Sender, nals_of, track
from vms.media.parameter_sets import Codec, ParameterSets

SPS, PPS, OTHER_SPS = b"\x67\x42\x00\x1e", b"\x68\xce\x38\x80", b"\x67\x64\x00\x28\x01"
SETS = ParameterSets("h264", (), (SPS,), (PPS,))
AUD, SEI, FILLER = b"\x09\xf0", b"\x06\x05\x01\x02", b"\x0c\xff\xff\x80"
IDR, IDR_REST = b"\x65\x88" + bytes(range(1, 200)), b"\x65\x08" + bytes(range(1, 200))
SLICE, SLICE_REST = b"\x41\x9a" + bytes(range(1, 100)), b"\x41\x1a" + bytes(range(1, 100))
VPS_5, SPS_5, PPS_5 = b"\x40\x01\x0c\x01", b"\x42\x01\x01\x01", b"\x44\x01\xc0\x73"
SETS_5 = ParameterSets("h265", (VPS_5,), (SPS_5,), (PPS_5,))
IDR_5, SLICE_5, SEI_5 = b"\x26\x01\xaf" + bytes(range(1, 200)), b"\x02\x01\xd0" + bytes(range(1, 100)), b"\x4e\x01\x05\x06"


def reader(sets: ParameterSets | None = SETS, codec: Codec = "h264") -> StreamReader:
    return StreamReader(track(codec, sets))


def units_of(packets: list[bytes], using: StreamReader | None = None) -> list[AccessUnit]:
    return (using or reader()).feed(b"".join(packets), 1.0)


def marked_apart(sender: Sender, nals: list[bytes]) -> list[bytes]:
    """Return one packet per NAL unit, each with a marker, all of one timestamp."""
    packets = [sender.packet(nal, marker=True) for nal in nals]
    sender.timestamp += TICKS
    return packets


def test_single_nal_units_become_one_unit_with_lengths() -> None:
    (unit,) = units_of(Sender(payload_size=1000).unit([AUD, SEI, IDR]))
    assert unit.payload == len(SEI).to_bytes(4) + SEI + len(IDR).to_bytes(4) + IDR
    assert (unit.keyframe, unit.lost, unit.arrival, unit.rtp_timestamp, unit.parameter_sets) == (True, False, 1.0, 0xFFFF_0000, SETS)


@pytest.mark.parametrize("payload_size", [1, 2, 7, 50, 99, 198, 199])
def test_fragments_of_any_size_give_the_same_unit(payload_size: int) -> None:
    (unit,) = units_of(Sender(payload_size=payload_size).unit([IDR]))
    assert nals_of(unit) == [IDR]


def test_an_aggregate_is_taken_apart() -> None:
    sender = Sender()
    (unit,) = units_of([sender.aggregate([AUD, SPS, PPS, SEI, IDR], marker=True)], reader(None))
    assert nals_of(unit) == [SEI, IDR]
    assert unit.parameter_sets == SETS


def test_several_slices_make_one_picture() -> None:
    sender = Sender(payload_size=80)
    units = units_of(sender.unit([IDR, IDR_REST, IDR_REST]) + sender.unit([SLICE, SLICE_REST]))
    assert [nals_of(unit) for unit in units] == [[IDR, IDR_REST, IDR_REST], [SLICE, SLICE_REST]]
    assert [unit.keyframe for unit in units] == [True, False]


def test_delimiters_and_filler_are_dropped_also_in_fragments() -> None:
    sender = Sender(payload_size=2)
    (unit,) = units_of(sender.unit([AUD, FILLER, IDR, FILLER]))
    assert nals_of(unit) == [IDR]


def test_without_markers_a_new_timestamp_ends_the_unit() -> None:
    sender = Sender(payload_size=80)
    units = units_of([packet for nals in ([IDR], [SLICE], [SLICE]) for packet in sender.unit(nals, marker=False)])
    assert [nals_of(unit) for unit in units] == [[IDR], [SLICE]]
    assert units[1].rtp_timestamp - units[0].rtp_timestamp == TICKS


def test_a_marker_on_parameter_sets_alone_makes_no_unit() -> None:
    sender = Sender(payload_size=1000)
    (unit,) = units_of(marked_apart(sender, [SPS, PPS, SEI, IDR]), reader(None))
    assert nals_of(unit) == [SEI, IDR]


def test_a_camera_that_marks_every_slice_is_found_out_and_then_read_by_timestamps() -> None:
    sender = Sender(payload_size=1000)
    using = reader()
    units = units_of([packet for _ in range(3) for packet in marked_apart(sender, [IDR, IDR_REST])], using)
    assert [nals_of(unit) for unit in units] == [[IDR], [IDR, IDR_REST]]
    assert [unit.lost for unit in units] == [False, True]


def test_units_before_the_first_keyframe_are_skipped_and_counted() -> None:
    sender, using = Sender(), reader()
    units = units_of(sender.unit([SLICE]) + sender.unit([SLICE]) + sender.unit([IDR]), using)
    assert [unit.keyframe for unit in units] == [True]
    assert (using.counters.skipped_units, using.counters.damaged_units) == (2, 0)
    assert not units[0].lost


def test_nothing_is_handed_over_without_parameter_sets() -> None:
    sender, using = Sender(), reader(None)
    assert units_of(sender.unit([IDR]) + sender.unit([SPS, IDR]), using) == []
    assert using.counters.skipped_units == 2
    (unit,) = units_of(sender.unit([PPS, IDR]), using)
    assert unit.parameter_sets == SETS


def test_repeated_sets_are_no_change() -> None:
    sender, using = Sender(), reader()
    units = units_of([packet for _ in range(3) for packet in sender.unit([SPS, PPS, IDR])], using)
    assert [unit.parameter_sets for unit in units] == [SETS, None, None]


def test_changed_sets_are_reported_with_the_keyframe_that_uses_them() -> None:
    sender, using = Sender(), reader()
    units = units_of(sender.unit([IDR]) + sender.unit([SLICE]) + sender.unit([OTHER_SPS, PPS, IDR]), using)
    after = ParameterSets("h264", (), (OTHER_SPS,), (PPS,))
    assert [unit.parameter_sets for unit in units] == [SETS, None, after]
    assert using.parameter_sets == after
    assert not units[2].lost


def test_a_set_sent_alone_replaces_its_kind_only() -> None:
    sender = Sender()
    units = units_of(sender.unit([IDR]) + sender.unit([OTHER_SPS, IDR]))
    assert units[1].parameter_sets == ParameterSets("h264", (), (OTHER_SPS,), (PPS,))


def test_sets_that_change_between_keyframes_hold_back_pictures_until_the_next() -> None:
    sender, using = Sender(), reader()
    units = units_of(sender.unit([IDR]) + sender.unit([OTHER_SPS, SLICE]) + sender.unit([SLICE]) + sender.unit([IDR]), using)
    assert [unit.keyframe for unit in units] == [True, True]
    assert using.counters.skipped_units == 2


def test_sets_out_of_proportion_are_passed_over() -> None:
    sender = Sender(payload_size=1000)
    (unit,) = units_of(sender.unit([b"\x67" + bytes(range(1, 256)) * 20, PPS, IDR]))
    assert unit.parameter_sets == SETS


@pytest.mark.parametrize("kind", [0, 25, 26, 27, 29, 30, 31])
def test_a_packet_of_the_interleaved_mode_damages_its_unit(kind: int) -> None:
    sender, using = Sender(payload_size=1000), reader()
    before = sender.unit([IDR])
    damaged = [sender.packet(IDR), sender.packet(bytes([kind]) + bytes(20), marker=True)]
    sender.timestamp += TICKS
    (unit,) = units_of(before + damaged + sender.unit([SLICE]) + sender.unit([IDR]), using)[1:]
    assert (unit.keyframe, unit.lost, using.counters.damaged_units, using.counters.skipped_units) == (True, True, 1, 1)


@pytest.mark.parametrize(
    "payload",
    [
        b"\x7c\x85",
        b"\x7c\x45\x01\x02",
        b"\x7c\x9c\x01\x02",
        b"\x18\x00\x09\x65\x88",
        b"\x18\x00\x02\x18\x00",
        b"\x18\x00\x01\x65",
        b"\x65",
        b"\x65\x08\x01",
    ],
    ids=[
        "empty start",
        "end alone",
        "fragment of a fragment",
        "length lie",
        "nested",
        "header alone",
        "slice without body",
        "no first slice",
    ],
)
def test_a_payload_that_lies_costs_its_unit_and_no_more(payload: bytes) -> None:
    sender, using = Sender(payload_size=1000), reader()
    before = sender.unit([IDR])
    liar = [sender.packet(payload, marker=True)]
    sender.timestamp += TICKS
    units = units_of(before + liar + sender.unit([IDR]) + sender.unit([SLICE]), using)
    assert [nals_of(unit) for unit in units] == [[IDR], [IDR], [SLICE]]
    assert [unit.lost for unit in units] == [False, True, False]
    assert using.counters.damaged_units == 1


def test_a_fragment_that_is_never_ended_costs_its_unit() -> None:
    sender, using = Sender(payload_size=80), reader()
    cut = sender.unit([IDR])[:-1]
    sender.sequence -= 1
    units = units_of(cut + sender.unit([IDR]), using)
    assert [nals_of(unit) for unit in units] == [[IDR]]


def test_a_unit_beyond_the_limit_is_given_up() -> None:
    sender, using = Sender(payload_size=60_000), reader()
    huge = sender.unit([IDR[:2] + bytes(MAX_UNIT_BYTES)])
    assert using.feed(b"".join(huge), 0.0) == []
    assert using.counters.damaged_units == 1
    assert [nals_of(unit) for unit in using.feed(b"".join(sender.unit([IDR])), 0.0)] == [[IDR]]


@pytest.mark.slow
def test_a_camera_that_drips_octets_is_given_up_before_it_costs_memory() -> None:
    sender, using = Sender(payload_size=1), reader()
    for packet in sender.fragments(IDR[:2] + bytes(MAX_PIECES + 10), marker=True):
        using.feed(packet, 0.0)
    assert using.counters.damaged_units == 1
    assert len(using._assembler._parts) == 0


def test_h265_units_in_every_packet_form() -> None:
    sender, using = Sender("h265", payload_size=50), reader(None, "h265")
    packets = [sender.aggregate([VPS_5, SPS_5, PPS_5, SEI_5]), *sender.unit([IDR_5]), *sender.unit([SLICE_5])]
    sender.payload_size = 1000
    units = units_of(packets + sender.unit([b"\x46\x01\x50", SLICE_5]), using)
    assert [nals_of(unit) for unit in units] == [[SEI_5, IDR_5], [SLICE_5], [SLICE_5]]
    assert [unit.parameter_sets for unit in units] == [SETS_5, None, None]
    assert [unit.keyframe for unit in units] == [True, False, False]


@pytest.mark.parametrize("kind", range(16, 22))
def test_every_irap_picture_is_a_keyframe(kind: int) -> None:
    nal = bytes([kind << 1, 1]) + IDR_5[2:]
    (unit,) = units_of(Sender("h265").unit([nal]), reader(SETS_5, "h265"))
    assert unit.keyframe


def test_the_paci_packet_is_not_taken() -> None:
    sender, using = Sender("h265"), reader(SETS_5, "h265")
    assert units_of([sender.packet(bytes([50 << 1, 1]) + bytes(9), marker=True)], using) == []


def test_headers_of_fragmented_units_keep_their_other_bits() -> None:
    assert H264.fragment_header(b"\x7c", 0x85) == b"\x65"
    assert H265.fragment_header(b"\x63\x02", 0x93) == b"\x27\x02"


def test_only_packets_aggregate_or_fragment() -> None:
    assert {Role.AGGREGATE, Role.FRAGMENT}.isdisjoint(H264.role_of_type + H265.role_of_type)
    assert (H264.role_of_octet[0x78], H265.role_of_octet[98]) == (Role.AGGREGATE, Role.FRAGMENT)


@pytest.mark.parametrize(
    ("sei", "recovers"),
    [
        (b"\x06\x06\x01\xc4\x80", True),
        (b"\x06\x01\x02ab\x06\x01\x80\x80", True),
        (b"\x06\xff\x05\xff\x01" + bytes(256) + b"\x06\x01\x80\x80", True),
        (b"\x06\x06\x01\x44\x80", False),
        (b"\x06\x05\x04\x06\x01\x80\x80\x80", False),
        (b"\x06\x06", False),
        (b"\x06\xff\xff\xff", False),
        (b"\x06", False),
    ],
)
def test_a_picture_of_a_recovery_point_is_a_keyframe(sei: bytes, recovers: bool) -> None:  # noqa: FBT001 - a parameter of the test
    sender = Sender(payload_size=1000)
    units = units_of(sender.unit([IDR]) + sender.unit([sei, SLICE]) + sender.unit([SLICE]))
    assert [unit.keyframe for unit in units] == [True, recovers, False] if len(sei) > 1 else len(units) == 1
