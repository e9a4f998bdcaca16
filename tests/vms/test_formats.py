from __future__ import annotations

import hashlib
import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from sqlalchemy.orm import make_transient_to_detached

import vms
from tests.factories import FixedKeys
from vms.crypto import decrypt, is_signed, open_sealed, sealing_public_key, sign
from vms.domain.access import body_of, event_of
from vms.domain.approval_proof import Pending
from vms.domain.checkpoint import PADDING, entry_hash, padding_hash, read_note, signatures_by, signed_note
from vms.domain.export_scope import CameraSpan, digest_of, scope_from, text_of
from vms.domain.footage import FragmentEntry, unpack_fragments
from vms.domain.ids import ApprovalId, CameraId, MatterId, RequestId, SegmentId, split_segment_id
from vms.domain.purge import FIRST_HASH, Batch, Purge, PurgeReason, root_of
from vms.domain.sealed_entry import body_in, bound_to, commitment_to, filled, rest_digest, text_in
from vms.domain.tiles import GrowingTree
from vms.media.boxes import read_fragment
from vms.media.segment_file import SegmentEncoder, SegmentReader, derive_key, digest_file, scan
from vms.media.segment_layout import CHUNK_BYTES, HEADER_BYTES, MAX_RECORD_BYTES
from vms.services.log_key import LogKey
from vms.store import access_tree
from vms.store.keys import _KEK_CHECK
from vms.store.request_tables import RequestPaperRow
from vms.store.sealed_texts import PAPER, TextKey, decrypted, texts_key

PAGE = (Path(vms.__file__).parent / "FORMATS.md").read_text(encoding="utf-8")


def test_the_encoder_makes_the_file_of_the_vector() -> None:
    vector = _vector("segment")
    encoder = SegmentEncoder(SegmentId(vector["segment"].hex()), _camera(vector), vector["camera_hour_key"], vector["salt"])
    file = encoder.header + b"".join(encoder.encode_record(vector["plaintext_0"], ()))
    for name in ("plaintext_1", "plaintext_2"):
        fragment = read_fragment(vector[name])
        file += b"".join(encoder.encode_record(vector[name][: fragment.head_bytes], [fragment.payload]))
    assert file == vector["file"]
    assert encoder.media_sha256() == vector["media_sha256"]
    assert encoder.file_digest() == vector["file_digest"]


def test_the_file_of_the_vector_is_read_scanned_and_digested() -> None:
    vector = _vector("segment")
    segment = SegmentId(vector["segment"].hex())
    key = derive_key(vector["camera_hour_key"], vector["salt"], segment)
    assert key == vector["segment_key"]
    table = unpack_fragments(vector["fragment_table"])
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(vector["file"])
        assert list(SegmentReader(file, key, table).records()) == [vector[f"plaintext_{number}"] for number in range(3)]
        found = scan(file, key, segment=segment)
        assert digest_file(file) == vector["file_digest"]
    assert (found.fragments, found.media_sha256, found.file_digest) == (table, vector["media_sha256"], vector["file_digest"])
    assert (found.header.camera, found.header.hour) == (_camera(vector), int.from_bytes(vector["hour"]))
    assert (found.width, found.height, found.stopped) == (32, 16, None)


def test_the_vector_is_what_its_words_say() -> None:
    vector = _vector("segment")
    stream, start_ms = split_segment_id(SegmentId(vector["segment"].hex()))
    assert (stream, start_ms, _camera(vector)) == (0x123456789ABC, 1_767_225_600_050, 0xFEDCBA987)
    first, second = read_fragment(vector["plaintext_1"]), read_fragment(vector["plaintext_2"])
    assert [(sample.keyframe, sample.cts) for sample in (*first.samples, *second.samples)] == [(True, 0), (False, 0), (True, -9)]
    assert unpack_fragments(vector["fragment_table"])[0] == FragmentEntry(len(vector["plaintext_0"]), 0, False, 0)


def test_the_page_names_the_sizes_of_the_code() -> None:
    for size in (CHUNK_BYTES, MAX_RECORD_BYTES):
        assert f"{size:,}" in PAGE
    assert f"### Header, {HEADER_BYTES} octets" in PAGE


def test_the_sealed_value_of_the_vector_opens() -> None:
    vector = _vector("sealed")
    assert sealing_public_key(vector["private_key"]) == vector["public_key"]
    assert open_sealed(vector["private_key"], vector["sealed"], vector["aad"]) == vector["plaintext"]


def test_the_wrapped_keys_of_the_vector_are_ours() -> None:
    vector = _vector("wrapped")
    assert aes_key_wrap(vector["kek"], vector["key"]) == vector["wrapped"]
    assert vector["segment_key"] == _vector("segment")["segment_key"]
    assert aes_key_wrap(vector["kek"], vector["segment_key"]) == vector["segment_wrapped"]
    assert aes_key_wrap(vector["kek"], _KEK_CHECK) == vector["kek_check"]


def test_the_log_of_the_vector_is_signed_as_it_says() -> None:
    vector = _vector("log")
    body, note = vector["body"].decode(), vector["note"].decode()
    key = LogKey(vector["private_key"])
    assert body_of(event_of(body)) == body
    leaves = [entry_hash(vector["salt"], vector["body"]), *(padding_hash(key.padding, number) for number in range(2, PADDING + 1))]
    assert leaves[:2] == [vector["leaf_1"], vector["leaf_2"]]
    tree = GrowingTree()
    tree.add(leaves)
    assert tree.root() == vector["root"]
    checkpoint, text = read_note(note)
    assert (checkpoint.size, checkpoint.root) == (PADDING, vector["root"])
    assert signed_note(text, checkpoint.name, key.public, sign(key.private, text.encode())) == note
    assert [is_signed(key.public, text.encode(), one) for one in signatures_by(note, checkpoint.name, key.public)] == [True]


def test_the_sealed_entry_of_the_vector_is_ours() -> None:
    vector = _vector("sealed_entry")
    body, matter, position = vector["body"].decode(), MatterId(vector["matter"].hex()), int(vector["position"])
    aad = bound_to("district", matter, position)
    sealed = vector["nonce"] + AESGCM(vector["matter_key"]).encrypt(vector["nonce"], filled(body), aad)
    opened = decrypt(vector["matter_key"], sealed, aad)
    assert opened is not None
    assert body_of(event_of(text_in(opened))) == body
    assert sealed[-16:] == vector["tag"]
    assert access_tree.sealed_leaf(None, vector["salt"], position, vector["matter"], sealed) == vector["leaf"]


def test_the_committed_entry_of_the_vector_is_ours() -> None:
    vector = _vector("committed_entry")
    body, matter, position = vector["body"].decode(), MatterId(vector["matter"].hex()), int(vector["position"])
    assert commitment_to(vector["opening"], body) == vector["commitment"]
    aad = bound_to("district", matter, position, vector["commitment"])
    sealed = vector["nonce"] + AESGCM(vector["matter_key"]).encrypt(vector["nonce"], vector["opening"] + filled(body), aad)
    opened = decrypt(vector["matter_key"], sealed, aad)
    assert opened is not None
    assert body_in(opened, vector["commitment"]) == body
    assert sealed[-16:] == vector["tag"]
    assert rest_digest(vector["salt"], str(position).encode(), vector["matter"], sealed) == vector["rest"]
    assert access_tree.sealed_leaf(vector["commitment"], vector["salt"], position, vector["matter"], sealed) == vector["leaf"]


def test_the_scope_of_the_vector_is_ours() -> None:
    vector = _vector("scope")
    text = vector["text"].decode()
    scope = scope_from(text)
    assert (text_of(RequestId(37), scope), digest_of(text)) == (text, vector["sha256"].hex())
    assert (scope.footage[0], len(scope.footage)) == (CameraSpan(CameraId(7), 0, 1), 2)


def test_the_purge_of_the_vector_is_ours() -> None:
    vector = _vector("purge")
    told = json.loads(vector["text"])
    batch = Batch(**{name: told[name] for name in Batch.__dataclass_fields__ if name in told})
    purged = Purge(batch, told["position"], told["erased_ms"], root_of([vector["digest_0"], vector["digest_1"]]))
    assert (purged.root, purged.text.encode(), purged.hash_after(FIRST_HASH)) == (vector["root"], vector["text"], vector["hash"])
    early = _vector("purge_early")
    told = json.loads(early["text"])
    batch = replace(batch, **{name: told[name] for name in Batch.__dataclass_fields__} | {"reason": PurgeReason(told["reason"])})
    purged = Purge(batch, told["position"], told["erased_ms"], purged.root)
    assert (purged.text.encode(), purged.hash_after(early["before"])) == (early["text"], early["hash"])


def _vector(name: str) -> dict[str, bytes]:
    """Return the values of the fenced block "vector NAME": `word = hex`, with more hex on indented lines."""
    block = re.search(rf"```vector {name}\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    entries = re.findall(r"^(\w+) =((?:\s+[0-9a-f]+)+)$", block[1], re.MULTILINE)
    return {word: bytes.fromhex("".join(value.split())) for word, value in entries}


def _camera(vector: dict[str, bytes]) -> CameraId:
    return CameraId(int.from_bytes(vector["camera"]))


def test_the_challenge_of_an_approval_is_the_vectors() -> None:
    vector = _vector("approval")
    pending = Pending(ApprovalId(int.from_bytes(vector["approval"])), vector["nonce"])
    assert pending.challenge(vector["scope"].hex()) == vector["challenge"]
    assert (Pending.of(bytes(32)).id, Pending.of(b"\xff" * 32).id) == (1, 2**52 - 1)


def test_the_texts_of_a_row_lie_as_the_vector_says() -> None:
    vector = _vector("texts")
    paper, texts = int.from_bytes(vector["paper"]), texts_key(vector["matter_key"])
    bound = b"custodian texts v1\nrequest_paper\ntexts\n%d" % paper
    sealed = AESGCM(texts).encrypt(vector["nonce"], filled(vector["text"].decode()), bound)
    value = vector["nonce"] + sealed
    assert hashlib.sha256(value).digest() == vector["value_sha256"]
    row = RequestPaperRow(id=paper, name="", texts=value)
    make_transient_to_detached(row)
    assert decrypted(TextKey(FixedKeys((texts,)), "it"), PAPER, row) == json.loads(vector["text"])
