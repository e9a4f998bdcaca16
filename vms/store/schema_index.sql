-- The index schema on SQLite, as the migrations make it. Renew with: python -m vms.store.schema

CREATE TABLE volume (
  number INTEGER NOT NULL,
  uuid VARCHAR(36) NOT NULL,
  path TEXT NOT NULL,
  state VARCHAR(16) NOT NULL,
  live_bytes INTEGER NOT NULL,
  clean_hour INTEGER NOT NULL,
  CONSTRAINT pk_volume PRIMARY KEY (number),
  CONSTRAINT uq_volume_uuid UNIQUE (uuid),
  CONSTRAINT ck_volume_state CHECK (state IN ('ok', 'read_only', 'failed'))
);

CREATE TABLE segment (
  stream_id INTEGER NOT NULL,
  start_ms INTEGER NOT NULL,
  start_rest INTEGER NOT NULL,
  duration INTEGER NOT NULL,
  into_run_ms INTEGER NOT NULL,
  volume INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL,
  state INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  CONSTRAINT pk_segment PRIMARY KEY (stream_id, start_ms),
  CONSTRAINT ck_segment_duration CHECK (duration > 0),
  CONSTRAINT ck_segment_start CHECK (start_rest BETWEEN 0 AND 89),
  CONSTRAINT ck_segment_state CHECK (state IN (0, 2, 3)),
  CONSTRAINT fk_segment_volume FOREIGN KEY(volume) REFERENCES volume (number)
) WITHOUT ROWID;

CREATE INDEX ix_segment_not_live ON segment (stream_id, start_ms) WHERE state <> 0;

CREATE TABLE segment_side (
  stream_id INTEGER NOT NULL,
  start_ms INTEGER NOT NULL,
  media_sha256 BLOB NOT NULL,
  file_digest BLOB NOT NULL,
  fragments BLOB NOT NULL,
  codec VARCHAR(32) NOT NULL,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  camera_clock_offset_ms INTEGER,
  CONSTRAINT pk_segment_side PRIMARY KEY (stream_id, start_ms),
  CONSTRAINT ck_segment_side_digests CHECK (length(media_sha256) = 32 AND length(file_digest) = 32)
) WITHOUT ROWID;

CREATE TABLE run (
  stream_id INTEGER NOT NULL,
  start_ms INTEGER NOT NULL,
  end_ms INTEGER NOT NULL,
  end_reason VARCHAR(32),
  rtp_start INTEGER NOT NULL,
  sr_ntp BIGINT NOT NULL,
  sr_rtp INTEGER NOT NULL,
  CONSTRAINT pk_run PRIMARY KEY (stream_id, start_ms),
  CONSTRAINT ck_run_order CHECK (end_ms >= start_ms),
  CONSTRAINT ck_run_end_reason CHECK (end_reason IN ('offline', 'refused', 'silent', 'stalled', 'unsupported', 'disk_full', 'disk_slow', 'disk_error', 'recorder_stopped', 'recorder_crashed', 'clock_step', 'stream_changed', 'paused', 'off', 'outside_hours'))
) WITHOUT ROWID;

CREATE TABLE gap (
  stream_id INTEGER NOT NULL,
  start_ms INTEGER NOT NULL,
  end_ms INTEGER,
  reason VARCHAR(32) NOT NULL,
  detail TEXT NOT NULL,
  CONSTRAINT pk_gap PRIMARY KEY (stream_id, start_ms),
  CONSTRAINT ck_gap_order CHECK (end_ms IS NULL OR end_ms >= start_ms),
  CONSTRAINT ck_gap_reason CHECK (reason IN ('offline', 'refused', 'silent', 'stalled', 'unsupported', 'disk_full', 'disk_slow', 'disk_error', 'recorder_stopped', 'recorder_crashed', 'clock_step', 'stream_changed', 'paused', 'off', 'outside_hours'))
) WITHOUT ROWID;

CREATE INDEX ix_gap_open ON gap (stream_id) WHERE end_ms IS NULL;

CREATE TABLE clock_event (
  at_ms INTEGER NOT NULL,
  step_ms INTEGER NOT NULL,
  detail TEXT NOT NULL,
  CONSTRAINT pk_clock_event PRIMARY KEY (at_ms)
);

CREATE TABLE replica (
  kind VARCHAR(32) NOT NULL,
  version INTEGER NOT NULL,
  CONSTRAINT pk_replica PRIMARY KEY (kind)
);

CREATE TABLE stream_config (
  stream_id INTEGER NOT NULL,
  camera_id INTEGER NOT NULL,
  device_id INTEGER NOT NULL,
  role VARCHAR(32) NOT NULL,
  scheme VARCHAR(32) NOT NULL,
  host VARCHAR(253) NOT NULL,
  port INTEGER NOT NULL,
  path VARCHAR(512) NOT NULL,
  username VARCHAR(128) NOT NULL,
  password_sealed BLOB NOT NULL,
  recording_mode VARCHAR(32) NOT NULL,
  camera_name TEXT NOT NULL,
  version INTEGER NOT NULL,
  certificate_sha256 BLOB CONSTRAINT ck_stream_config_certificate_sha256 CHECK (length(certificate_sha256) = 32), paused_until_ms INTEGER, pause_reason TEXT, priority VARCHAR(32) DEFAULT 'normal' NOT NULL CONSTRAINT ck_stream_config_priority CHECK (priority IN ('high', 'normal', 'low')), hours TEXT DEFAULT '' NOT NULL, timezone VARCHAR(64),
  CONSTRAINT pk_stream_config PRIMARY KEY (stream_id),
  CONSTRAINT ck_stream_config_role CHECK (role IN ('main', 'sub')),
  CONSTRAINT ck_stream_config_scheme CHECK (scheme IN ('rtsp', 'rtsps')),
  CONSTRAINT ck_stream_config_recording_mode CHECK (recording_mode IN ('always', 'weekly', 'live_only', 'off'))
);

CREATE TABLE coverage_outbox (
  stream_id INTEGER NOT NULL,
  start_ms INTEGER NOT NULL,
  end_ms INTEGER NOT NULL,
  CONSTRAINT pk_coverage_outbox PRIMARY KEY (stream_id, start_ms)
) WITHOUT ROWID;

CREATE TABLE stream_rule (
  stream_id INTEGER NOT NULL,
  camera_id INTEGER NOT NULL,
  keep_ms INTEGER NOT NULL,
  floor_ms INTEGER CONSTRAINT ck_stream_rule_floor CHECK (floor_ms >= 86400000),
  CONSTRAINT pk_stream_rule PRIMARY KEY (stream_id),
  CONSTRAINT ck_stream_rule_keep CHECK (keep_ms > 0)
);

CREATE INDEX ix_stream_rule_camera_id ON stream_rule (camera_id);

CREATE TABLE hold_replica (
  camera_id INTEGER NOT NULL,
  hold_id INTEGER NOT NULL,
  start_ms INTEGER NOT NULL,
  end_ms INTEGER,
  answered BOOLEAN NOT NULL, sealed BOOLEAN DEFAULT 0 NOT NULL,
  CONSTRAINT pk_hold_replica PRIMARY KEY (camera_id, hold_id),
  CONSTRAINT ck_hold_replica_order CHECK (end_ms > start_ms)
) WITHOUT ROWID;

CREATE TABLE deletion_lease (
  id INTEGER NOT NULL,
  hold_seq INTEGER,
  boot_id VARCHAR(64) NOT NULL,
  uptime_ms INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  CONSTRAINT pk_deletion_lease PRIMARY KEY (id),
  CONSTRAINT ck_deletion_lease_one CHECK (id = 1)
);

CREATE TABLE purge_log (
  number INTEGER NOT NULL,
  stream_id INTEGER NOT NULL,
  camera_id INTEGER NOT NULL,
  first_ms INTEGER NOT NULL,
  last_ms INTEGER NOT NULL,
  end_ms INTEGER NOT NULL,
  segments INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL,
  keep_ms INTEGER NOT NULL,
  hold_seq INTEGER NOT NULL,
  condemned_ms INTEGER NOT NULL,
  position INTEGER,
  erased_ms INTEGER,
  root BLOB,
  hash BLOB, reason VARCHAR(32) DEFAULT 'window' NOT NULL CONSTRAINT ck_purge_log_reason CHECK (reason IN ('window', 'disk_full')),
  CONSTRAINT pk_purge_log PRIMARY KEY (number),
  CONSTRAINT ck_purge_log_batch CHECK (last_ms >= first_ms AND segments > 0),
  CONSTRAINT ck_purge_log_closed CHECK ((position IS NULL) = (hash IS NULL) AND (position IS NULL) = (erased_ms IS NULL)),
  CONSTRAINT ck_purge_log_root CHECK ((position IS NULL) = (root IS NULL)),
  CONSTRAINT uq_purge_log_position UNIQUE (position)
);

CREATE INDEX ix_purge_log_stream_id_first_ms ON purge_log (stream_id, first_ms);

CREATE TRIGGER purge_log_no_delete BEFORE DELETE ON purge_log BEGIN SELECT RAISE(ABORT, 'purge_log is append-only'); END;

CREATE TRIGGER purge_log_no_replace BEFORE INSERT ON purge_log WHEN EXISTS (SELECT 1 FROM purge_log WHERE number = NEW.number OR position = NEW.position) BEGIN SELECT RAISE(ABORT, 'purge_log is append-only'); END;

CREATE TRIGGER purge_log_no_update BEFORE UPDATE ON purge_log WHEN (OLD.position IS NULL AND NEW.position IS NOT NULL AND NEW.number = OLD.number AND NEW.stream_id = OLD.stream_id AND NEW.camera_id = OLD.camera_id AND NEW.first_ms = OLD.first_ms AND NEW.last_ms = OLD.last_ms AND NEW.end_ms = OLD.end_ms AND NEW.segments = OLD.segments AND NEW.size_bytes = OLD.size_bytes AND NEW.keep_ms = OLD.keep_ms AND NEW.hold_seq = OLD.hold_seq AND NEW.condemned_ms = OLD.condemned_ms AND NEW.reason = OLD.reason) IS NOT TRUE BEGIN SELECT RAISE(ABORT, 'purge_log is append-only'); END;

CREATE TABLE reconciliation (
  id INTEGER NOT NULL,
  began_ms INTEGER NOT NULL,
  ended_ms INTEGER NOT NULL,
  compared INTEGER NOT NULL,
  read INTEGER NOT NULL,
  missing INTEGER NOT NULL,
  damaged INTEGER NOT NULL,
  other INTEGER NOT NULL,
  first TEXT NOT NULL,
  CONSTRAINT pk_reconciliation PRIMARY KEY (id),
  CONSTRAINT ck_reconciliation_one CHECK (id = 1)
);

CREATE TABLE told_gone (
  camera_id INTEGER NOT NULL,
  start_ms INTEGER NOT NULL,
  end_ms INTEGER NOT NULL, early BOOLEAN DEFAULT 0 NOT NULL,
  CONSTRAINT pk_told_gone PRIMARY KEY (camera_id, start_ms),
  CONSTRAINT ck_told_gone_order CHECK (end_ms > start_ms)
) WITHOUT ROWID;

CREATE TABLE protected_place (
  stream_id INTEGER NOT NULL,
  start_ms INTEGER NOT NULL,
  volume INTEGER NOT NULL,
  made BOOLEAN NOT NULL,
  CONSTRAINT pk_protected_place PRIMARY KEY (stream_id, start_ms, volume),
  CONSTRAINT fk_protected_place_volume FOREIGN KEY(volume) REFERENCES volume (number)
) WITHOUT ROWID;

CREATE INDEX ix_protected_place_volume ON protected_place (volume);
