-- The central schema on SQLite, as the migrations make it. Renew with: python -m vms.store.schema

CREATE TABLE setting (
  "key" VARCHAR(64) NOT NULL,
  value TEXT NOT NULL,
  CONSTRAINT pk_setting PRIMARY KEY ("key")
);

CREATE TABLE node (
  id INTEGER NOT NULL,
  name VARCHAR(120) NOT NULL,
  public_key BLOB NOT NULL,
  config_version INTEGER NOT NULL,
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_node PRIMARY KEY (id),
  CONSTRAINT uq_node_name UNIQUE (name),
  CONSTRAINT ck_node_public_key CHECK (length(public_key) = 32)
);

CREATE TABLE branch (
  id INTEGER NOT NULL,
  name VARCHAR(120) NOT NULL,
  name_key VARCHAR(360) NOT NULL,
  timezone VARCHAR(64) NOT NULL,
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_branch PRIMARY KEY (id),
  CONSTRAINT uq_branch_name_key UNIQUE (name_key)
);

CREATE TABLE area (
  id INTEGER NOT NULL,
  branch_id INTEGER NOT NULL,
  name VARCHAR(120) NOT NULL,
  CONSTRAINT pk_area PRIMARY KEY (id),
  CONSTRAINT uq_area_branch_id_name UNIQUE (branch_id, name),
  CONSTRAINT fk_area_branch_id FOREIGN KEY(branch_id) REFERENCES branch (id)
);

CREATE TABLE totp (
  person_id INTEGER NOT NULL,
  secret BLOB NOT NULL,
  confirmed_at BIGINT,
  last_step INTEGER NOT NULL,
  session_id INTEGER NOT NULL,
  CONSTRAINT pk_totp PRIMARY KEY (person_id),
  CONSTRAINT fk_totp_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE TABLE recovery_code (
  person_id INTEGER NOT NULL,
  code_sha256 BLOB NOT NULL,
  used_at BIGINT,
  CONSTRAINT pk_recovery_code PRIMARY KEY (person_id, code_sha256),
  CONSTRAINT ck_recovery_code_code CHECK (length(code_sha256) = 32),
  CONSTRAINT fk_recovery_code_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE TABLE invitation (
  person_id INTEGER NOT NULL,
  code_sha256 BLOB NOT NULL,
  ends_at BIGINT NOT NULL, first_sha256 BLOB, second_missing BOOLEAN DEFAULT 0 NOT NULL,
  CONSTRAINT pk_invitation PRIMARY KEY (person_id),
  CONSTRAINT ck_invitation_code CHECK (length(code_sha256) = 32),
  CONSTRAINT fk_invitation_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE TABLE proposal (
  id INTEGER NOT NULL,
  act VARCHAR(32) NOT NULL,
  subject_id INTEGER NOT NULL,
  reason TEXT NOT NULL,
  proposed_by VARCHAR(300) NOT NULL,
  proposed_by_name VARCHAR(360) NOT NULL,
  proposed_at BIGINT NOT NULL,
  earliest_at BIGINT NOT NULL,
  alone_at BIGINT,
  announced_at BIGINT,
  decision VARCHAR(32),
  decided_at BIGINT,
  CONSTRAINT pk_proposal PRIMARY KEY (id),
  CONSTRAINT ck_proposal_act CHECK (act IN ('person:confirm', 'person:reset', 'person:delegate', 'hold:release', 'policy:lower')),
  CONSTRAINT ck_proposal_decision CHECK (decision IN ('approved', 'stopped', 'alone'))
);

CREATE UNIQUE INDEX uq_proposal_act_subject ON proposal (act, subject_id) WHERE decision IS NULL;

CREATE TABLE person (
  id INTEGER NOT NULL,
  name VARCHAR(120) NOT NULL,
  name_key VARCHAR(360) NOT NULL,
  role VARCHAR(32) NOT NULL,
  whole_district BOOLEAN NOT NULL,
  firm VARCHAR(120) NOT NULL,
  password_hash VARCHAR(256) NOT NULL,
  created_at BIGINT NOT NULL,
  confirmed_at BIGINT,
  first_signed_in_at BIGINT,
  ends_at BIGINT,
  disabled_at BIGINT, purged_at BIGINT,
  CONSTRAINT pk_person PRIMARY KEY (id),
  CONSTRAINT uq_person_name_key UNIQUE (name_key),
  CONSTRAINT ck_person_role CHECK (role IN ('desk', 'supervisor', 'branch-manager', 'director', 'delegate', 'counsel', 'it', 'auditor'))
);

CREATE TABLE device (
  id INTEGER NOT NULL,
  branch_id INTEGER NOT NULL,
  node_id INTEGER NOT NULL,
  scheme VARCHAR(32) NOT NULL,
  host VARCHAR(253) NOT NULL,
  port INTEGER NOT NULL,
  username VARCHAR(128) NOT NULL,
  password_sealed BLOB NOT NULL,
  certificate_sha256 BLOB CONSTRAINT ck_device_certificate_sha256 CHECK (length(certificate_sha256) = 32),
  CONSTRAINT pk_device PRIMARY KEY (id),
  CONSTRAINT ck_device_scheme CHECK (scheme IN ('rtsp', 'rtsps')),
  CONSTRAINT ck_device_port CHECK (port BETWEEN 1 AND 65535),
  CONSTRAINT fk_device_branch_id FOREIGN KEY(branch_id) REFERENCES branch (id),
  CONSTRAINT fk_device_node_id FOREIGN KEY(node_id) REFERENCES node (id)
);

CREATE INDEX ix_device_node_id ON device (node_id);

CREATE TABLE camera (
  id INTEGER NOT NULL,
  branch_id INTEGER NOT NULL,
  area_id INTEGER,
  device_id INTEGER NOT NULL,
  channel INTEGER NOT NULL,
  name VARCHAR(120) NOT NULL,
  name_key VARCHAR(360) NOT NULL,
  recording_mode VARCHAR(32) NOT NULL,
  created_at BIGINT NOT NULL,
  placement_approved_at BIGINT,
  removed_at BIGINT,
  version INTEGER NOT NULL, paused_until BIGINT, pause_reason TEXT, priority VARCHAR(32) DEFAULT 'normal' NOT NULL CONSTRAINT ck_camera_priority CHECK (priority IN ('high', 'normal', 'low')),
  CONSTRAINT pk_camera PRIMARY KEY (id),
  CONSTRAINT ck_camera_recording_mode CHECK (recording_mode IN ('always', 'weekly', 'live_only', 'off')),
  CONSTRAINT ck_camera_channel CHECK (channel BETWEEN 1 AND 1024),
  CONSTRAINT fk_camera_branch_id FOREIGN KEY(branch_id) REFERENCES branch (id),
  CONSTRAINT fk_camera_area_id FOREIGN KEY(area_id) REFERENCES area (id),
  CONSTRAINT fk_camera_device_id FOREIGN KEY(device_id) REFERENCES device (id)
);

CREATE INDEX ix_camera_area_id ON camera (area_id) WHERE area_id IS NOT NULL;

CREATE INDEX ix_camera_device_id ON camera (device_id);

CREATE UNIQUE INDEX uq_camera_branch_id_name_key ON camera (branch_id, name_key) WHERE removed_at IS NULL;

CREATE TABLE stream (
  id INTEGER NOT NULL,
  camera_id INTEGER NOT NULL,
  role VARCHAR(32) NOT NULL,
  path VARCHAR(512) NOT NULL,
  removed_at BIGINT,
  CONSTRAINT pk_stream PRIMARY KEY (id),
  CONSTRAINT ck_stream_role CHECK (role IN ('main', 'sub')),
  CONSTRAINT uq_stream_camera_id_role UNIQUE (camera_id, role),
  CONSTRAINT fk_stream_camera_id FOREIGN KEY(camera_id) REFERENCES camera (id)
);

CREATE TABLE person_branch (
  person_id INTEGER NOT NULL,
  branch_id INTEGER NOT NULL,
  CONSTRAINT pk_person_branch PRIMARY KEY (person_id, branch_id),
  CONSTRAINT fk_person_branch_person_id FOREIGN KEY(person_id) REFERENCES person (id),
  CONSTRAINT fk_person_branch_branch_id FOREIGN KEY(branch_id) REFERENCES branch (id)
);

CREATE TABLE access_log (
  origin VARCHAR(64) NOT NULL,
  name VARCHAR(120) NOT NULL,
  last_number INTEGER NOT NULL, last_sealed INTEGER DEFAULT 0 NOT NULL,
  CONSTRAINT pk_access_log PRIMARY KEY (origin)
);

CREATE TABLE mail (
  id INTEGER NOT NULL,
  about VARCHAR(120) NOT NULL,
  recipient VARCHAR(320) NOT NULL,
  subject VARCHAR(200) NOT NULL,
  body TEXT NOT NULL,
  attachment_name VARCHAR(120),
  attachment TEXT,
  at BIGINT NOT NULL,
  tries INTEGER NOT NULL,
  next_try_at BIGINT,
  sent_at BIGINT,
  done_at BIGINT,
  CONSTRAINT pk_mail PRIMARY KEY (id),
  CONSTRAINT uq_mail_about_recipient UNIQUE (about, recipient),
  CONSTRAINT ck_mail_attachment CHECK ((attachment_name IS NULL) = (attachment IS NULL))
);

CREATE INDEX ix_mail_next_try_at ON mail (next_try_at);

CREATE TABLE coverage (
  stream_id INTEGER NOT NULL,
  start_ms INTEGER NOT NULL,
  end_ms INTEGER NOT NULL,
  node_id INTEGER NOT NULL,
  CONSTRAINT pk_coverage PRIMARY KEY (stream_id, start_ms),
  CONSTRAINT ck_coverage_order CHECK (end_ms >= start_ms),
  CONSTRAINT fk_coverage_node_id FOREIGN KEY(node_id) REFERENCES node (id)
);

CREATE TABLE stream_state (
  stream_id INTEGER NOT NULL,
  node_id INTEGER NOT NULL,
  state VARCHAR(32) NOT NULL,
  since_at BIGINT NOT NULL,
  detail TEXT NOT NULL,
  reported_at BIGINT NOT NULL,
  CONSTRAINT pk_stream_state PRIMARY KEY (stream_id),
  CONSTRAINT ck_stream_state_state CHECK (state IN ('recording', 'live_only', 'connecting', 'offline', 'refused', 'silent', 'stalled', 'paused', 'off', 'disk_full')),
  CONSTRAINT fk_stream_state_stream_id FOREIGN KEY(stream_id) REFERENCES stream (id),
  CONSTRAINT fk_stream_state_node_id FOREIGN KEY(node_id) REFERENCES node (id)
);

CREATE TABLE access_cosignature (
  origin VARCHAR(64) NOT NULL,
  witness VARCHAR(255) NOT NULL,
  size INTEGER NOT NULL,
  at BIGINT NOT NULL,
  line TEXT NOT NULL,
  CONSTRAINT pk_access_cosignature PRIMARY KEY (origin, witness, size)
);

CREATE TABLE access_event (
  origin VARCHAR(64) NOT NULL,
  number INTEGER NOT NULL,
  salt BLOB,
  body TEXT,
  erased_by INTEGER,
  at BIGINT GENERATED ALWAYS AS (CAST(json_extract(body, '$.at') AS bigint)) STORED,
  actor TEXT GENERATED ALWAYS AS (json_extract(body, '$.actor')) STORED,
  action TEXT GENERATED ALWAYS AS (json_extract(body, '$.action')) STORED,
  camera_id INTEGER GENERATED ALWAYS AS (CAST(json_extract(body, '$.camera') AS bigint)) STORED,
  purpose TEXT GENERATED ALWAYS AS (json_extract(body, '$.purpose')) STORED,
  CONSTRAINT pk_access_event PRIMARY KEY (origin, number),
  CONSTRAINT ck_access_event_number CHECK (number > 0),
  CONSTRAINT ck_access_event_salt CHECK (length(salt) = 16),
  CONSTRAINT ck_access_event_erased CHECK ((body IS NULL) = (erased_by IS NOT NULL) AND (salt IS NULL) = (body IS NULL))
) WITHOUT ROWID;

CREATE TRIGGER access_event_no_delete BEFORE DELETE ON access_event BEGIN SELECT RAISE(ABORT, 'access_event is append-only'); END;

CREATE TRIGGER access_event_no_replace BEFORE INSERT ON access_event WHEN EXISTS (SELECT 1 FROM access_event WHERE origin = NEW.origin AND number = NEW.number) BEGIN SELECT RAISE(ABORT, 'access_event is append-only'); END;

CREATE TRIGGER access_event_no_update BEFORE UPDATE ON access_event WHEN (NEW.origin = OLD.origin AND NEW.number = OLD.number AND OLD.body IS NOT NULL AND OLD.action IS DISTINCT FROM 'log:erase' AND NEW.salt IS NULL AND NEW.body IS NULL AND NEW.erased_by > OLD.number AND EXISTS (SELECT 1 FROM access_event AS told WHERE told.origin = OLD.origin AND told.number = NEW.erased_by AND told.action = 'log:erase')) IS NOT TRUE BEGIN SELECT RAISE(ABORT, 'access_event is append-only'); END;

CREATE INDEX ix_access_event_camera_id_number ON access_event (camera_id, number);

CREATE TABLE access_tile (
  origin VARCHAR(64) NOT NULL,
  level INTEGER NOT NULL,
  number INTEGER NOT NULL,
  hashes BLOB NOT NULL,
  CONSTRAINT pk_access_tile PRIMARY KEY (origin, level, number)
);

CREATE TABLE hold_clock (
  id INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  CONSTRAINT pk_hold_clock PRIMARY KEY (id),
  CONSTRAINT ck_hold_clock_one CHECK (id = 1),
  CONSTRAINT ck_hold_clock_seq CHECK (seq >= 0)
);

CREATE TABLE legal_hold (
  id INTEGER NOT NULL,
  matter VARCHAR(120) NOT NULL,
  kind VARCHAR(32) NOT NULL,
  reason TEXT NOT NULL,
  authority TEXT NOT NULL,
  start_ms INTEGER NOT NULL,
  end_ms INTEGER,
  review_at BIGINT NOT NULL,
  expires_at BIGINT,
  placed_by VARCHAR(300) NOT NULL,
  placed_by_name VARCHAR(360) NOT NULL,
  placed_at BIGINT NOT NULL,
  ending_at BIGINT,
  ending_by VARCHAR(300),
  ending_by_name VARCHAR(360),
  ending_reason TEXT,
  released_at BIGINT,
  released_by VARCHAR(300),
  CONSTRAINT pk_legal_hold PRIMARY KEY (id),
  CONSTRAINT ck_legal_hold_kind CHECK (kind IN ('provisional', 'preservation-letter', 'litigation', 'subpoena', 'incident', 'records-request')),
  CONSTRAINT ck_legal_hold_order CHECK (end_ms > start_ms),
  CONSTRAINT ck_legal_hold_expiry CHECK (expires_at IS NULL OR kind = 'provisional'),
  CONSTRAINT ck_legal_hold_ending CHECK ((ending_at IS NULL) = (ending_by IS NULL)),
  CONSTRAINT ck_legal_hold_release CHECK ((released_at IS NULL) = (released_by IS NULL))
);

CREATE INDEX ix_legal_hold_ending_at ON legal_hold (ending_at) WHERE released_at IS NULL;

CREATE INDEX ix_legal_hold_placed_at ON legal_hold (placed_at);

CREATE TABLE session (
  id INTEGER NOT NULL,
  person_id INTEGER NOT NULL,
  token_sha256 BLOB NOT NULL,
  proof VARCHAR(32) NOT NULL,
  address VARCHAR(64) NOT NULL,
  kind VARCHAR(32) NOT NULL,
  screen_id INTEGER,
  opened_at BIGINT NOT NULL,
  proved_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  acted_at BIGINT NOT NULL,
  ended_at BIGINT,
  CONSTRAINT pk_session PRIMARY KEY (id),
  CONSTRAINT uq_session_token_sha256 UNIQUE (token_sha256),
  CONSTRAINT ck_session_token CHECK (length(token_sha256) = 32),
  CONSTRAINT ck_session_proof CHECK (proof IN ('password', 'totp', 'recovery', 'passkey', 'oidc', 'demo')),
  CONSTRAINT ck_session_kind CHECK (kind IN ('ordinary', 'workstation', 'wall')),
  CONSTRAINT ck_session_place CHECK (kind = 'ordinary' OR screen_id IS NOT NULL),
  CONSTRAINT fk_session_person_id FOREIGN KEY(person_id) REFERENCES person (id),
  CONSTRAINT fk_session_screen_id FOREIGN KEY(screen_id) REFERENCES screen (id)
);

CREATE INDEX ix_session_person_id ON session (person_id);

CREATE INDEX ix_session_screen_id ON session (screen_id);

CREATE TABLE "view" (
  id VARCHAR(22) NOT NULL,
  actor VARCHAR(300) NOT NULL,
  camera_id INTEGER NOT NULL,
  purpose VARCHAR(32) NOT NULL,
  span_start_at BIGINT,
  span_end_at BIGINT,
  opened_at BIGINT NOT NULL,
  deadline_at BIGINT NOT NULL,
  closed_at BIGINT, session_id INTEGER, emergency_id INTEGER, showing_id INTEGER,
  CONSTRAINT pk_view PRIMARY KEY (id),
  CONSTRAINT ck_view_purpose CHECK (purpose IN ('live', 'live-incident', 'incident', 'maintenance', 'request')),
  CONSTRAINT ck_view_span CHECK ((span_start_at IS NULL) = (span_end_at IS NULL)),
  CONSTRAINT fk_view_camera_id FOREIGN KEY(camera_id) REFERENCES camera (id)
);

CREATE INDEX ix_view_deadline_at ON "view" (deadline_at);

CREATE INDEX ix_view_emergency_id ON "view" (emergency_id) WHERE emergency_id IS NOT NULL;

CREATE INDEX ix_view_showing_id ON "view" (showing_id) WHERE showing_id IS NOT NULL;

CREATE TABLE review (
  id INTEGER NOT NULL,
  about VARCHAR(400) NOT NULL,
  at BIGINT NOT NULL,
  actor VARCHAR(300),
  sentence TEXT NOT NULL,
  counts TEXT,
  last_number INTEGER NOT NULL,
  CONSTRAINT pk_review PRIMARY KEY (id)
);

CREATE INDEX ix_review_about_at ON review (about, at);

CREATE INDEX ix_review_at ON review (at);

CREATE TABLE sign_in_try (
  "key" BLOB NOT NULL,
  counted INTEGER NOT NULL,
  last_at BIGINT NOT NULL,
  CONSTRAINT pk_sign_in_try PRIMARY KEY ("key"),
  CONSTRAINT ck_sign_in_try_key CHECK (length(key) = 32)
) WITHOUT ROWID;

CREATE INDEX ix_sign_in_try_last_at ON sign_in_try (last_at);

CREATE TABLE sign_in_place (
  "key" BLOB NOT NULL,
  last_at BIGINT NOT NULL,
  CONSTRAINT pk_sign_in_place PRIMARY KEY ("key"),
  CONSTRAINT ck_sign_in_place_key CHECK (length(key) = 32)
) WITHOUT ROWID;

CREATE TABLE passkey (
  id INTEGER NOT NULL,
  person_id INTEGER NOT NULL,
  credential_id BLOB NOT NULL,
  credential BLOB NOT NULL,
  rp_id VARCHAR(253) NOT NULL,
  sign_count INTEGER NOT NULL,
  label VARCHAR(120) NOT NULL,
  added_at BIGINT NOT NULL,
  last_used_at BIGINT,
  CONSTRAINT pk_passkey PRIMARY KEY (id),
  CONSTRAINT uq_passkey_credential_id UNIQUE (credential_id),
  CONSTRAINT ck_passkey_credential_id CHECK (length(credential_id) BETWEEN 16 AND 1023),
  CONSTRAINT fk_passkey_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE INDEX ix_passkey_person_id ON passkey (person_id);

CREATE TABLE challenge (
  holder_sha256 BLOB NOT NULL,
  ceremony VARCHAR(32) NOT NULL,
  challenge BLOB NOT NULL,
  ends_at BIGINT NOT NULL,
  CONSTRAINT pk_challenge PRIMARY KEY (holder_sha256, ceremony),
  CONSTRAINT ck_challenge_holder CHECK (length(holder_sha256) = 32),
  CONSTRAINT ck_challenge_challenge CHECK (length(challenge) = 32),
  CONSTRAINT ck_challenge_ceremony CHECK (ceremony IN ('register', 'sign-in', 'prove'))
);

CREATE INDEX ix_challenge_ends_at ON challenge (ends_at);

CREATE TABLE person_identity (
  issuer VARCHAR(500) NOT NULL,
  subject VARCHAR(255) NOT NULL,
  person_id INTEGER NOT NULL,
  added_at BIGINT NOT NULL,
  CONSTRAINT pk_person_identity PRIMARY KEY (issuer, subject),
  CONSTRAINT uq_person_identity_person_id UNIQUE (person_id),
  CONSTRAINT fk_person_identity_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE TABLE screen (
  id INTEGER NOT NULL,
  name VARCHAR(120) NOT NULL,
  name_key VARCHAR(360) NOT NULL,
  branch_id INTEGER NOT NULL,
  kind VARCHAR(32) NOT NULL,
  code_sha256 BLOB,
  code_ends_at BIGINT,
  token_sha256 BLOB,
  added_at BIGINT NOT NULL,
  enrolled_at BIGINT,
  seen_at BIGINT,
  ended_at BIGINT,
  CONSTRAINT pk_screen PRIMARY KEY (id),
  CONSTRAINT uq_screen_code_sha256 UNIQUE (code_sha256),
  CONSTRAINT uq_screen_token_sha256 UNIQUE (token_sha256),
  CONSTRAINT ck_screen_kind CHECK (kind IN ('workstation', 'wall')),
  CONSTRAINT ck_screen_code CHECK (length(code_sha256) = 32),
  CONSTRAINT ck_screen_token CHECK (length(token_sha256) = 32),
  CONSTRAINT ck_screen_code_ends CHECK ((code_sha256 IS NULL) = (code_ends_at IS NULL)),
  CONSTRAINT fk_screen_branch_id FOREIGN KEY(branch_id) REFERENCES branch (id)
);

CREATE UNIQUE INDEX uq_screen_branch_id_name_key ON screen (branch_id, name_key) WHERE ended_at IS NULL;

CREATE TABLE emergency (
  id INTEGER NOT NULL,
  person_id INTEGER NOT NULL,
  session_id INTEGER NOT NULL,
  reason TEXT NOT NULL,
  opened_at BIGINT NOT NULL,
  ends_at BIGINT NOT NULL,
  closed_at BIGINT,
  review_due_at BIGINT NOT NULL,
  reminded_at BIGINT,
  shown_to TEXT NOT NULL,
  reviewed_by INTEGER,
  reviewed_at BIGINT,
  was_for TEXT NOT NULL,
  was_right BOOLEAN,
  review_note TEXT NOT NULL,
  last_number INTEGER NOT NULL,
  CONSTRAINT pk_emergency PRIMARY KEY (id),
  CONSTRAINT ck_emergency_review CHECK ((reviewed_at IS NULL) = (reviewed_by IS NULL) AND (reviewed_at IS NULL) = (was_right IS NULL)),
  CONSTRAINT ck_emergency_somebody_else CHECK (reviewed_by <> person_id),
  CONSTRAINT fk_emergency_person_id FOREIGN KEY(person_id) REFERENCES person (id),
  CONSTRAINT fk_emergency_session_id FOREIGN KEY(session_id) REFERENCES session (id),
  CONSTRAINT fk_emergency_reviewed_by FOREIGN KEY(reviewed_by) REFERENCES person (id)
);

CREATE INDEX ix_emergency_opened_at ON emergency (opened_at);

CREATE INDEX ix_emergency_review_due_at ON emergency (review_due_at) WHERE reviewed_at IS NULL;

CREATE UNIQUE INDEX uq_emergency_person_id ON emergency (person_id) WHERE closed_at IS NULL;

CREATE TABLE person_area (
  person_id INTEGER NOT NULL,
  area_id INTEGER NOT NULL,
  CONSTRAINT pk_person_area PRIMARY KEY (person_id, area_id),
  CONSTRAINT fk_person_area_person_id FOREIGN KEY(person_id) REFERENCES person (id),
  CONSTRAINT fk_person_area_area_id FOREIGN KEY(area_id) REFERENCES area (id)
);

CREATE TABLE access_sealed (
  origin VARCHAR(64) NOT NULL,
  position INTEGER NOT NULL,
  number INTEGER,
  matter BLOB NOT NULL,
  salt BLOB NOT NULL,
  sealed BLOB NOT NULL,
  commitment BLOB CONSTRAINT ck_access_sealed_commitment CHECK (commitment IS NULL OR length(commitment) = 32),
  CONSTRAINT pk_access_sealed PRIMARY KEY (origin, position),
  CONSTRAINT uq_access_sealed_origin_number UNIQUE (origin, number),
  CONSTRAINT ck_access_sealed_number CHECK (number > 0),
  CONSTRAINT ck_access_sealed_matter CHECK (length(matter) = 16),
  CONSTRAINT ck_access_sealed_salt CHECK (length(salt) = 16)
) WITHOUT ROWID;

CREATE TRIGGER access_sealed_no_delete BEFORE DELETE ON access_sealed BEGIN SELECT RAISE(ABORT, 'access_sealed is append-only'); END;

CREATE TRIGGER access_sealed_no_replace BEFORE INSERT ON access_sealed WHEN EXISTS (SELECT 1 FROM access_sealed WHERE origin = NEW.origin AND (position = NEW.position OR number = NEW.number)) BEGIN SELECT RAISE(ABORT, 'access_sealed is append-only'); END;

CREATE TRIGGER access_sealed_no_update BEFORE UPDATE ON access_sealed WHEN (OLD.number IS NULL AND NEW.number IS NOT NULL AND NEW.origin = OLD.origin AND NEW.position = OLD.position AND NEW.matter = OLD.matter AND NEW.salt = OLD.salt AND NEW.sealed = OLD.sealed AND NEW.commitment IS NOT DISTINCT FROM OLD.commitment AND NOT EXISTS (SELECT 1 FROM access_sealed AS other WHERE other.origin = NEW.origin AND other.number = NEW.number)) IS NOT TRUE BEGIN SELECT RAISE(ABORT, 'access_sealed is append-only'); END;

CREATE INDEX ix_access_sealed_matter_position ON access_sealed (matter, position);

CREATE TABLE access_checkpoint (
  origin VARCHAR(64) NOT NULL,
  size INTEGER NOT NULL,
  at BIGINT NOT NULL,
  note TEXT NOT NULL,
  CONSTRAINT pk_access_checkpoint PRIMARY KEY (origin, size)
) WITHOUT ROWID;

CREATE TRIGGER access_checkpoint_no_delete BEFORE DELETE ON access_checkpoint BEGIN SELECT RAISE(ABORT, 'access_checkpoint is append-only'); END;

CREATE TRIGGER access_checkpoint_no_replace BEFORE INSERT ON access_checkpoint WHEN EXISTS (SELECT 1 FROM access_checkpoint WHERE origin = NEW.origin AND size = NEW.size) BEGIN SELECT RAISE(ABORT, 'access_checkpoint is append-only'); END;

CREATE TRIGGER access_checkpoint_no_update BEFORE UPDATE ON access_checkpoint BEGIN SELECT RAISE(ABORT, 'access_checkpoint is append-only'); END;

CREATE TABLE hold_scope (
  hold_id INTEGER NOT NULL,
  kind VARCHAR(32) NOT NULL,
  subject_id INTEGER NOT NULL,
  CONSTRAINT pk_hold_scope PRIMARY KEY (hold_id, kind, subject_id),
  CONSTRAINT ck_hold_scope_kind CHECK (kind IN ('camera', 'area', 'branch')),
  CONSTRAINT fk_hold_scope_hold_id FOREIGN KEY(hold_id) REFERENCES legal_hold (id)
);

CREATE INDEX ix_hold_scope_kind_subject_id ON hold_scope (kind, subject_id);

CREATE TABLE hold_camera (
  hold_id INTEGER NOT NULL,
  camera_id INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  released_seq INTEGER,
  CONSTRAINT pk_hold_camera PRIMARY KEY (hold_id, camera_id),
  CONSTRAINT uq_hold_camera_seq UNIQUE (seq),
  CONSTRAINT uq_hold_camera_released_seq UNIQUE (released_seq),
  CONSTRAINT ck_hold_camera_order CHECK (released_seq > seq),
  CONSTRAINT fk_hold_camera_hold_id FOREIGN KEY(hold_id) REFERENCES legal_hold (id),
  CONSTRAINT fk_hold_camera_camera_id FOREIGN KEY(camera_id) REFERENCES camera (id)
);

CREATE INDEX ix_hold_camera_camera_id ON hold_camera (camera_id);

CREATE TABLE hold_answer (
  hold_id INTEGER NOT NULL,
  camera_id INTEGER NOT NULL,
  node_id INTEGER NOT NULL,
  applied_seq INTEGER NOT NULL,
  kept_segments INTEGER NOT NULL,
  kept_bytes INTEGER NOT NULL,
  first_ms INTEGER,
  last_ms INTEGER,
  condemned_segments INTEGER NOT NULL,
  purged_segments INTEGER NOT NULL,
  at BIGINT NOT NULL,
  CONSTRAINT pk_hold_answer PRIMARY KEY (hold_id, camera_id, node_id),
  CONSTRAINT fk_hold_answer_hold_id FOREIGN KEY(hold_id) REFERENCES legal_hold (id),
  CONSTRAINT fk_hold_answer_camera_id FOREIGN KEY(camera_id) REFERENCES camera (id),
  CONSTRAINT fk_hold_answer_node_id FOREIGN KEY(node_id) REFERENCES node (id)
);

CREATE TABLE deletion_lease (
  node_id INTEGER NOT NULL,
  hold_seq INTEGER NOT NULL,
  until_at BIGINT NOT NULL,
  CONSTRAINT pk_deletion_lease PRIMARY KEY (node_id, hold_seq),
  CONSTRAINT fk_deletion_lease_node_id FOREIGN KEY(node_id) REFERENCES node (id)
);

CREATE TABLE node_hold_state (
  node_id INTEGER NOT NULL,
  given_seq INTEGER NOT NULL,
  applied_seq INTEGER NOT NULL,
  at BIGINT NOT NULL,
  CONSTRAINT pk_node_hold_state PRIMARY KEY (node_id),
  CONSTRAINT fk_node_hold_state_node_id FOREIGN KEY(node_id) REFERENCES node (id)
);

CREATE TABLE delegation (
  id INTEGER NOT NULL,
  person_id INTEGER NOT NULL,
  whole_district BOOLEAN NOT NULL,
  starts_at BIGINT NOT NULL,
  ends_at BIGINT NOT NULL,
  granted_at BIGINT,
  ended_at BIGINT,
  CONSTRAINT pk_delegation PRIMARY KEY (id),
  CONSTRAINT ck_delegation_span CHECK (starts_at < ends_at),
  CONSTRAINT fk_delegation_id FOREIGN KEY(id) REFERENCES proposal (id),
  CONSTRAINT fk_delegation_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE UNIQUE INDEX uq_delegation_person_id ON delegation (person_id) WHERE granted_at IS NOT NULL AND ended_at IS NULL;

CREATE TABLE delegation_branch (
  delegation_id INTEGER NOT NULL,
  branch_id INTEGER NOT NULL,
  CONSTRAINT pk_delegation_branch PRIMARY KEY (delegation_id, branch_id),
  CONSTRAINT fk_delegation_branch_delegation_id FOREIGN KEY(delegation_id) REFERENCES delegation (id),
  CONSTRAINT fk_delegation_branch_branch_id FOREIGN KEY(branch_id) REFERENCES branch (id)
);

CREATE TABLE delegation_area (
  delegation_id INTEGER NOT NULL,
  area_id INTEGER NOT NULL,
  CONSTRAINT pk_delegation_area PRIMARY KEY (delegation_id, area_id),
  CONSTRAINT fk_delegation_area_delegation_id FOREIGN KEY(delegation_id) REFERENCES delegation (id),
  CONSTRAINT fk_delegation_area_area_id FOREIGN KEY(area_id) REFERENCES area (id)
);

CREATE TABLE retention_policy (
  version INTEGER NOT NULL,
  place VARCHAR(32) NOT NULL,
  place_id INTEGER NOT NULL,
  min_days INTEGER,
  target_days INTEGER,
  max_days INTEGER,
  legal_basis TEXT NOT NULL,
  public_text TEXT NOT NULL,
  review_at BIGINT,
  reason TEXT NOT NULL,
  made_by VARCHAR(300) NOT NULL,
  made_by_name VARCHAR(360) NOT NULL,
  made_at BIGINT NOT NULL, hours TEXT DEFAULT '' NOT NULL, early BOOLEAN,
  CONSTRAINT pk_retention_policy PRIMARY KEY (version),
  CONSTRAINT ck_retention_policy_place CHECK (place IN ('district', 'branch', 'area', 'camera')),
  CONSTRAINT ck_retention_policy_place_id CHECK ((place = 'district') = (place_id = 0)),
  CONSTRAINT ck_retention_policy_whole CHECK (place <> 'district' OR (min_days IS NOT NULL AND target_days IS NOT NULL AND max_days IS NOT NULL)),
  CONSTRAINT ck_retention_policy_days CHECK (min_days >= 0 AND target_days >= 1 AND max_days >= 1),
  CONSTRAINT ck_retention_policy_order CHECK (min_days <= target_days AND target_days <= max_days AND min_days <= max_days)
);

CREATE INDEX ix_retention_policy_place_place_id ON retention_policy (place, place_id);

CREATE TABLE policy_force (
  version INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  at BIGINT NOT NULL,
  "by" VARCHAR(300) NOT NULL,
  by_name VARCHAR(360) NOT NULL,
  CONSTRAINT pk_policy_force PRIMARY KEY (version),
  CONSTRAINT uq_policy_force_seq UNIQUE (seq),
  CONSTRAINT fk_policy_force_version FOREIGN KEY(version) REFERENCES retention_policy (version)
);

CREATE TABLE policy_approval (
  version INTEGER NOT NULL,
  at BIGINT NOT NULL,
  "by" VARCHAR(300) NOT NULL,
  by_name VARCHAR(360) NOT NULL,
  CONSTRAINT pk_policy_approval PRIMARY KEY (version),
  CONSTRAINT fk_policy_approval_version FOREIGN KEY(version) REFERENCES retention_policy (version)
);

CREATE TABLE sealed_hold (
  hold_id INTEGER NOT NULL,
  matter VARCHAR(32) NOT NULL,
  words BLOB NOT NULL,
  noted_seq INTEGER NOT NULL,
  proposed_by VARCHAR(300),
  proposed_by_name VARCHAR(360),
  proposed_at BIGINT,
  CONSTRAINT pk_sealed_hold PRIMARY KEY (hold_id),
  CONSTRAINT ck_sealed_hold_proposal CHECK ((proposed_at IS NULL) = (proposed_by IS NULL)),
  CONSTRAINT ck_sealed_hold_proposal_name CHECK ((proposed_at IS NULL) = (proposed_by_name IS NULL)),
  CONSTRAINT fk_sealed_hold_hold_id FOREIGN KEY(hold_id) REFERENCES legal_hold (id)
);

CREATE TABLE spot_check (
  id INTEGER NOT NULL,
  camera_id INTEGER NOT NULL,
  node_id INTEGER NOT NULL,
  start_at BIGINT NOT NULL,
  end_at BIGINT NOT NULL,
  drawn BOOLEAN NOT NULL,
  asked_by VARCHAR(300) NOT NULL,
  asked_by_name VARCHAR(360) NOT NULL,
  asked_at BIGINT NOT NULL,
  answered_at BIGINT,
  proof TEXT,
  CONSTRAINT pk_spot_check PRIMARY KEY (id),
  CONSTRAINT ck_spot_check_order CHECK (end_at > start_at),
  CONSTRAINT ck_spot_check_answered CHECK ((answered_at IS NULL) = (proof IS NULL)),
  CONSTRAINT fk_spot_check_camera_id FOREIGN KEY(camera_id) REFERENCES camera (id),
  CONSTRAINT fk_spot_check_node_id FOREIGN KEY(node_id) REFERENCES node (id)
);

CREATE INDEX ix_spot_check_asked_at ON spot_check (asked_at);

CREATE TABLE purge_month (
  node_id INTEGER NOT NULL,
  month VARCHAR(7) NOT NULL,
  told TEXT NOT NULL,
  CONSTRAINT pk_purge_month PRIMARY KEY (node_id, month),
  CONSTRAINT fk_purge_month_node_id FOREIGN KEY(node_id) REFERENCES node (id)
);

CREATE TABLE deletion_certificate (
  month VARCHAR(7) NOT NULL,
  document TEXT NOT NULL,
  note TEXT NOT NULL,
  CONSTRAINT pk_deletion_certificate PRIMARY KEY (month)
);

CREATE TABLE export_request (
  id INTEGER NOT NULL,
  number VARCHAR(32) NOT NULL,
  instrument VARCHAR(32) NOT NULL,
  rules_version INTEGER NOT NULL,
  requester TEXT NOT NULL,
  agency TEXT NOT NULL,
  badge TEXT NOT NULL,
  contact TEXT NOT NULL,
  court TEXT NOT NULL,
  docket TEXT NOT NULL,
  served_on VARCHAR(10) NOT NULL,
  report_number TEXT NOT NULL,
  purpose TEXT NOT NULL,
  necessity TEXT NOT NULL,
  due_at BIGINT NOT NULL,
  entered_by VARCHAR(300) NOT NULL,
  entered_by_name VARCHAR(360) NOT NULL,
  entered_at BIGINT NOT NULL,
  matter VARCHAR(32) NOT NULL, texts BLOB,
  CONSTRAINT pk_export_request PRIMARY KEY (id),
  CONSTRAINT ck_export_request_instrument CHECK (instrument IN ('subpoena', 'search-warrant', 'court-order', 'civil-discovery', 'national-security-letter', 'agency-request', 'public-records', 'subject-access', 'insurer', 'preservation-letter', 'library-report', 'internal-stills')),
  CONSTRAINT uq_export_request_number UNIQUE (number),
  CONSTRAINT uq_export_request_id_entered_by UNIQUE (id, entered_by)
);

CREATE INDEX ix_export_request_entered_at ON export_request (entered_at);

CREATE TABLE request_scope (
  request_id INTEGER NOT NULL,
  version INTEGER NOT NULL,
  text TEXT NOT NULL,
  sha256 VARCHAR(64) NOT NULL, texts BLOB,
  CONSTRAINT pk_request_scope PRIMARY KEY (request_id, version),
  CONSTRAINT uq_request_scope_request_id_version_sha256 UNIQUE (request_id, version, sha256),
  CONSTRAINT ck_request_scope_sha256 CHECK (length(sha256) = 64),
  CONSTRAINT fk_request_scope_request_id FOREIGN KEY(request_id) REFERENCES export_request (id)
);

CREATE TABLE request_camera (
  request_id INTEGER NOT NULL,
  camera_id INTEGER NOT NULL,
  CONSTRAINT pk_request_camera PRIMARY KEY (request_id, camera_id),
  CONSTRAINT fk_request_camera_request_id FOREIGN KEY(request_id) REFERENCES export_request (id),
  CONSTRAINT fk_request_camera_camera_id FOREIGN KEY(camera_id) REFERENCES camera (id)
);

CREATE INDEX ix_request_camera_camera_id ON request_camera (camera_id);

CREATE TABLE request_paper (
  id INTEGER NOT NULL,
  request_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  sha256 VARCHAR(64) NOT NULL,
  size_bytes INTEGER NOT NULL,
  sealed BLOB NOT NULL,
  added_by VARCHAR(300) NOT NULL,
  added_by_name VARCHAR(360) NOT NULL,
  added_at BIGINT NOT NULL, texts BLOB,
  CONSTRAINT pk_request_paper PRIMARY KEY (id),
  CONSTRAINT ck_request_paper_sha256 CHECK (length(sha256) = 64),
  CONSTRAINT fk_request_paper_request_id FOREIGN KEY(request_id) REFERENCES export_request (id)
);

CREATE INDEX ix_request_paper_request_id ON request_paper (request_id);

CREATE TABLE request_event (
  request_id INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  act VARCHAR(32) NOT NULL,
  state VARCHAR(32) NOT NULL,
  words TEXT NOT NULL,
  line VARCHAR(32),
  answer VARCHAR(32),
  sealed BLOB,
  "by" VARCHAR(300) NOT NULL,
  by_name VARCHAR(360) NOT NULL,
  at BIGINT NOT NULL, texts BLOB,
  CONSTRAINT pk_request_event PRIMARY KEY (request_id, seq),
  CONSTRAINT ck_request_event_act CHECK (act IN ('submit', 'review', 'paper', 'verify', 'scope', 'ask', 'answer', 'check', 'confer', 'not-conferred', 'counsel', 'advice', 'contest', 'narrow', 'approve', 'void', 'deny', 'withdraw', 'expire', 'revoke', 'reopen', 'advance', 'close', 'redaction-plan', 'redaction-approved', 'redaction-back', 'removed', 'show', 'shown')),
  CONSTRAINT ck_request_event_state CHECK (state IN ('draft', 'submitted', 'needs_info', 'under_review', 'counsel_review', 'contested', 'narrowed', 'approved', 'denied', 'withdrawn', 'expired', 'preparing', 'partially_available', 'footage_unavailable', 'redacting', 'ready', 'disclosed', 'revoked_before_disclosure', 'closed')),
  CONSTRAINT ck_request_event_line CHECK (line IN ('court', 'good-cause', 'signature', 'names-district', 'scope', 'date', 'in-force', 'service')),
  CONSTRAINT ck_request_event_answer CHECK (answer IN ('yes', 'no', 'not-needed')),
  CONSTRAINT ck_request_event_check CHECK ((line IS NULL) = (answer IS NULL)),
  CONSTRAINT ck_request_event_privileged CHECK (sealed IS NULL OR words = ''),
  CONSTRAINT fk_request_event_request_id FOREIGN KEY(request_id) REFERENCES export_request (id)
);

CREATE TABLE approval (
  id INTEGER NOT NULL,
  request_id INTEGER NOT NULL,
  entered_by VARCHAR(300) NOT NULL,
  scope_version INTEGER NOT NULL,
  sha256 VARCHAR(64) NOT NULL,
  "by" VARCHAR(300) NOT NULL,
  by_name VARCHAR(360) NOT NULL,
  delegation_id INTEGER,
  proof VARCHAR(32) NOT NULL,
  words TEXT NOT NULL,
  at BIGINT NOT NULL, texts BLOB,
  CONSTRAINT pk_approval PRIMARY KEY (id),
  CONSTRAINT fk_approval_entered_by FOREIGN KEY(request_id, entered_by) REFERENCES export_request (id, entered_by),
  CONSTRAINT fk_approval_scope FOREIGN KEY(request_id, scope_version, sha256) REFERENCES request_scope (request_id, version, sha256),
  CONSTRAINT ck_approval_another CHECK ("by" <> entered_by),
  CONSTRAINT uq_approval_id_request_id_scope_version UNIQUE (id, request_id, scope_version)
);

CREATE TRIGGER approval_not_by_asker BEFORE INSERT ON approval WHEN EXISTS (SELECT 1 FROM request_event WHERE request_id = NEW.request_id AND act = 'scope' AND "by" = NEW."by") BEGIN SELECT RAISE(ABORT, 'who lets a request ask for something else does not approve it'); END;

CREATE INDEX ix_approval_request_id ON approval (request_id);

CREATE TABLE request_standing (
  request_id INTEGER NOT NULL,
  state VARCHAR(32) NOT NULL,
  since_at BIGINT NOT NULL,
  scope_version INTEGER NOT NULL,
  approval_id INTEGER, rules_version INTEGER DEFAULT '1' NOT NULL,
  CONSTRAINT pk_request_standing PRIMARY KEY (request_id),
  CONSTRAINT fk_request_standing_scope FOREIGN KEY(request_id, scope_version) REFERENCES request_scope (request_id, version),
  CONSTRAINT fk_request_standing_approval FOREIGN KEY(approval_id, request_id, scope_version) REFERENCES approval (id, request_id, scope_version),
  CONSTRAINT ck_request_standing_state CHECK (state IN ('submitted', 'needs_info', 'under_review', 'counsel_review', 'contested', 'narrowed', 'approved', 'denied', 'withdrawn', 'expired', 'preparing', 'partially_available', 'footage_unavailable', 'redacting', 'ready', 'disclosed', 'revoked_before_disclosure', 'closed')),
  CONSTRAINT ck_request_standing_approved CHECK (state NOT IN ('approved', 'preparing', 'partially_available', 'redacting', 'ready', 'disclosed') OR approval_id IS NOT NULL),
  CONSTRAINT fk_request_standing_request_id FOREIGN KEY(request_id) REFERENCES export_request (id)
);

CREATE INDEX ix_request_standing_state_since_at ON request_standing (state, since_at);

CREATE TABLE request_hold (
  request_id INTEGER NOT NULL,
  hold_id INTEGER NOT NULL,
  CONSTRAINT pk_request_hold PRIMARY KEY (request_id, hold_id),
  CONSTRAINT fk_request_hold_request_id FOREIGN KEY(request_id) REFERENCES export_request (id)
);

CREATE TABLE complaint (
  id INTEGER NOT NULL,
  way VARCHAR(32) NOT NULL,
  about VARCHAR(32) NOT NULL,
  about_person INTEGER,
  about_name VARCHAR(120) NOT NULL,
  from_name VARCHAR(120) NOT NULL,
  from_address TEXT NOT NULL,
  said TEXT NOT NULL,
  start_at BIGINT,
  end_at BIGINT,
  received_at BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  entered_by VARCHAR(300) NOT NULL,
  entered_by_name VARCHAR(360) NOT NULL,
  entered_at BIGINT NOT NULL,
  hold_id INTEGER,
  answer TEXT,
  answered_by VARCHAR(300),
  answered_by_name VARCHAR(360),
  answered_at BIGINT, texts BLOB, answer_texts BLOB,
  CONSTRAINT pk_complaint PRIMARY KEY (id),
  CONSTRAINT ck_complaint_way CHECK (way IN ('paper', 'mail', 'form')),
  CONSTRAINT ck_complaint_about CHECK (about IN ('practice', 'staff', 'director')),
  CONSTRAINT ck_complaint_time CHECK ((start_at IS NULL) = (end_at IS NULL) AND end_at > start_at),
  CONSTRAINT ck_complaint_answered CHECK ((answered_at IS NULL) = (answer IS NULL)),
  CONSTRAINT fk_complaint_about_person FOREIGN KEY(about_person) REFERENCES person (id)
);

CREATE INDEX ix_complaint_answered_at_due_at ON complaint (answered_at, due_at);

CREATE INDEX ix_complaint_due_at ON complaint (due_at) WHERE answered_at IS NULL;

CREATE TABLE complaint_camera (
  complaint_id INTEGER NOT NULL,
  camera_id INTEGER NOT NULL,
  CONSTRAINT pk_complaint_camera PRIMARY KEY (complaint_id, camera_id),
  CONSTRAINT fk_complaint_camera_complaint_id FOREIGN KEY(complaint_id) REFERENCES complaint (id),
  CONSTRAINT fk_complaint_camera_camera_id FOREIGN KEY(camera_id) REFERENCES camera (id)
);

CREATE TABLE training (
  id INTEGER NOT NULL,
  name VARCHAR(120) NOT NULL,
  what TEXT NOT NULL,
  refers BOOLEAN NOT NULL,
  held_on VARCHAR(10) NOT NULL,
  entered_by VARCHAR(300) NOT NULL,
  entered_by_name VARCHAR(360) NOT NULL,
  entered_at BIGINT NOT NULL,
  CONSTRAINT pk_training PRIMARY KEY (id)
);

CREATE INDEX ix_training_entered_at ON training (entered_at);

CREATE TABLE placement (
  camera_id INTEGER NOT NULL,
  approved_at BIGINT NOT NULL,
  place VARCHAR(241) NOT NULL,
  purpose TEXT NOT NULL,
  must_not_see TEXT NOT NULL,
  approved_by VARCHAR(300) NOT NULL,
  approved_by_name VARCHAR(360) NOT NULL,
  CONSTRAINT pk_placement PRIMARY KEY (camera_id, approved_at),
  CONSTRAINT fk_placement_camera_id FOREIGN KEY(camera_id) REFERENCES camera (id)
);

CREATE TABLE privacy_review (
  id INTEGER NOT NULL,
  at BIGINT NOT NULL,
  "by" VARCHAR(300) NOT NULL,
  by_name VARCHAR(360) NOT NULL,
  result TEXT NOT NULL,
  evidence VARCHAR(64) NOT NULL,
  CONSTRAINT pk_privacy_review PRIMARY KEY (id)
);

CREATE INDEX ix_privacy_review_at ON privacy_review (at);

CREATE TABLE package (
  id INTEGER NOT NULL,
  request_id INTEGER NOT NULL,
  approval_id INTEGER NOT NULL,
  scope_version INTEGER NOT NULL,
  sha256 VARCHAR(64) NOT NULL,
  asked_by VARCHAR(300) NOT NULL,
  asked_by_name VARCHAR(360) NOT NULL,
  asked_at BIGINT NOT NULL,
  state VARCHAR(32) NOT NULL,
  since_at BIGINT NOT NULL,
  tries INTEGER NOT NULL,
  sentence TEXT NOT NULL,
  manifest VARCHAR(64) NOT NULL,
  folder VARCHAR(120) NOT NULL,
  files INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL,
  missing INTEGER NOT NULL, identity BLOB DEFAULT '' NOT NULL, log_position INTEGER,
  CONSTRAINT pk_package PRIMARY KEY (id),
  CONSTRAINT ck_package_state CHECK (state IN ('waiting', 'making', 'ready', 'failed', 'gone', 'proving')),
  CONSTRAINT ck_package_ready CHECK (state <> 'ready' OR length(manifest) = 64),
  CONSTRAINT fk_package_approval FOREIGN KEY(approval_id, request_id, scope_version) REFERENCES approval (id, request_id, scope_version),
  CONSTRAINT fk_package_scope FOREIGN KEY(request_id, scope_version, sha256) REFERENCES request_scope (request_id, version, sha256)
);

CREATE INDEX ix_package_request_id ON package (request_id);

CREATE INDEX ix_package_state_asked_at ON package (state, asked_at);

CREATE UNIQUE INDEX uq_package_live ON package (request_id) WHERE state IN ('waiting', 'making', 'proving', 'ready');

CREATE TABLE package_release (
  id INTEGER NOT NULL,
  package_id INTEGER NOT NULL,
  request_id INTEGER NOT NULL,
  label VARCHAR(120) NOT NULL,
  serial VARCHAR(120) NOT NULL,
  taken_by TEXT NOT NULL,
  "by" VARCHAR(300) NOT NULL,
  by_name VARCHAR(360) NOT NULL,
  at BIGINT NOT NULL,
  read_back_at BIGINT, texts BLOB,
  CONSTRAINT pk_package_release PRIMARY KEY (id),
  CONSTRAINT fk_package_release_package_id FOREIGN KEY(package_id) REFERENCES package (id)
);

CREATE INDEX ix_package_release_request_id_at ON package_release (request_id, at);

CREATE TABLE deputy (
  place INTEGER NOT NULL,
  person_id INTEGER NOT NULL,
  phone VARCHAR(40) NOT NULL,
  mail VARCHAR(254) NOT NULL,
  CONSTRAINT pk_deputy PRIMARY KEY (place),
  CONSTRAINT uq_deputy_person_id UNIQUE (person_id),
  CONSTRAINT fk_deputy_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE TABLE door_call (
  request_id INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  name VARCHAR(120) NOT NULL,
  reached BOOLEAN NOT NULL,
  "by" VARCHAR(300) NOT NULL,
  by_name VARCHAR(360) NOT NULL,
  at BIGINT NOT NULL, way VARCHAR(32) DEFAULT 'phone' NOT NULL,
  CONSTRAINT pk_door_call PRIMARY KEY (request_id, seq),
  CONSTRAINT fk_door_call_request_id FOREIGN KEY(request_id) REFERENCES export_request (id)
);

CREATE TABLE redaction_plan (
  id INTEGER NOT NULL,
  request_id INTEGER NOT NULL,
  scope_sha256 VARCHAR(64) NOT NULL,
  plan_sha256 VARCHAR(64) NOT NULL,
  sealed BLOB NOT NULL,
  added_by VARCHAR(300) NOT NULL,
  added_by_name VARCHAR(360) NOT NULL,
  added_at BIGINT NOT NULL,
  CONSTRAINT pk_redaction_plan PRIMARY KEY (id),
  CONSTRAINT ck_redaction_plan_plan_sha256 CHECK (length(plan_sha256) = 64),
  CONSTRAINT fk_redaction_plan_request_id FOREIGN KEY(request_id) REFERENCES export_request (id)
);

CREATE INDEX ix_redaction_plan_request_id ON redaction_plan (request_id);

CREATE TABLE redaction_sheet (
  id INTEGER NOT NULL,
  request_id INTEGER NOT NULL,
  scope_sha256 VARCHAR(64) NOT NULL,
  plan_sha256 VARCHAR(64) NOT NULL,
  camera_id INTEGER NOT NULL,
  number INTEGER NOT NULL,
  sealed BLOB NOT NULL,
  CONSTRAINT pk_redaction_sheet PRIMARY KEY (id),
  CONSTRAINT uq_redaction_sheet_request_id_number UNIQUE (request_id, number),
  CONSTRAINT fk_redaction_sheet_request_id FOREIGN KEY(request_id) REFERENCES export_request (id)
);

CREATE TABLE redaction_approval (
  id INTEGER NOT NULL,
  request_id INTEGER NOT NULL,
  scope_sha256 VARCHAR(64) NOT NULL,
  plan_sha256 VARCHAR(64) NOT NULL,
  "by" VARCHAR(300) NOT NULL,
  by_name VARCHAR(360) NOT NULL,
  at BIGINT NOT NULL,
  CONSTRAINT pk_redaction_approval PRIMARY KEY (id),
  CONSTRAINT fk_redaction_approval_request_id FOREIGN KEY(request_id) REFERENCES export_request (id)
);

CREATE INDEX ix_redaction_approval_request_id ON redaction_approval (request_id);

CREATE TABLE sealed_request (
  request_id INTEGER NOT NULL,
  matter VARCHAR(32) NOT NULL,
  lifted_on VARCHAR(10),
  lifted_reason TEXT,
  lifted_by VARCHAR(300),
  lifted_by_name VARCHAR(360),
  lifted_at BIGINT,
  CONSTRAINT pk_sealed_request PRIMARY KEY (request_id),
  CONSTRAINT ck_sealed_request_lifted_on CHECK ((lifted_at IS NULL) = (lifted_on IS NULL)),
  CONSTRAINT ck_sealed_request_lifted_reason CHECK ((lifted_at IS NULL) = (lifted_reason IS NULL)),
  CONSTRAINT ck_sealed_request_lifted_by CHECK ((lifted_at IS NULL) = (lifted_by IS NULL)),
  CONSTRAINT ck_sealed_request_lifted_by_name CHECK ((lifted_at IS NULL) = (lifted_by_name IS NULL)),
  CONSTRAINT fk_sealed_request_request_id FOREIGN KEY(request_id) REFERENCES export_request (id)
);

CREATE TABLE sealed_request_person (
  request_id INTEGER NOT NULL,
  person_id INTEGER NOT NULL,
  CONSTRAINT pk_sealed_request_person PRIMARY KEY (request_id, person_id),
  CONSTRAINT fk_sealed_request_person_request_id FOREIGN KEY(request_id) REFERENCES export_request (id),
  CONSTRAINT fk_sealed_request_person_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE TABLE package_ticket (
  id INTEGER NOT NULL,
  number VARCHAR(20) NOT NULL,
  package_id INTEGER NOT NULL,
  request_id INTEGER NOT NULL,
  release_id INTEGER NOT NULL,
  recipient TEXT NOT NULL,
  "by" VARCHAR(300) NOT NULL,
  by_name VARCHAR(360) NOT NULL,
  at BIGINT NOT NULL,
  until_at BIGINT NOT NULL,
  most_downloads INTEGER NOT NULL,
  sealed BLOB NOT NULL,
  revoked_at BIGINT,
  revoked_by VARCHAR(300) NOT NULL, texts BLOB,
  CONSTRAINT pk_package_ticket PRIMARY KEY (id),
  CONSTRAINT uq_package_ticket_number UNIQUE (number),
  CONSTRAINT ck_package_ticket_most_downloads CHECK (most_downloads > 0),
  CONSTRAINT fk_package_ticket_package_id FOREIGN KEY(package_id) REFERENCES package (id),
  CONSTRAINT fk_package_ticket_release_id FOREIGN KEY(release_id) REFERENCES package_release (id)
);

CREATE INDEX ix_package_ticket_request_id_at ON package_ticket (request_id, at);

CREATE TABLE package_download (
  id INTEGER NOT NULL,
  ticket_id INTEGER NOT NULL,
  request_id INTEGER NOT NULL,
  address VARCHAR(60) NOT NULL,
  at BIGINT NOT NULL,
  ended_at BIGINT,
  octets INTEGER NOT NULL,
  whole BOOLEAN NOT NULL, texts BLOB,
  CONSTRAINT pk_package_download PRIMARY KEY (id),
  CONSTRAINT fk_package_download_ticket_id FOREIGN KEY(ticket_id) REFERENCES package_ticket (id)
);

CREATE INDEX ix_package_download_request_id ON package_download (request_id);

CREATE INDEX ix_package_download_ticket_id_at ON package_download (ticket_id, at);

CREATE TABLE instrument_rules (
  version INTEGER NOT NULL,
  based_on INTEGER NOT NULL,
  text TEXT NOT NULL,
  sha256 VARCHAR(64) NOT NULL,
  reason TEXT NOT NULL,
  "by" VARCHAR(300) NOT NULL,
  by_name VARCHAR(360) NOT NULL,
  at BIGINT NOT NULL,
  CONSTRAINT pk_instrument_rules PRIMARY KEY (version),
  CONSTRAINT uq_instrument_rules_version_by UNIQUE (version, "by"),
  CONSTRAINT ck_instrument_rules_version CHECK (version >= 2 AND based_on >= 1 AND based_on < version),
  CONSTRAINT ck_instrument_rules_sha256 CHECK (length(sha256) = 64)
);

CREATE TABLE instrument_rules_approval (
  version INTEGER NOT NULL,
  proposed_by VARCHAR(300) NOT NULL,
  "by" VARCHAR(300) NOT NULL,
  by_name VARCHAR(360) NOT NULL,
  proof VARCHAR(32) NOT NULL,
  at BIGINT NOT NULL,
  CONSTRAINT pk_instrument_rules_approval PRIMARY KEY (version),
  CONSTRAINT fk_instrument_rules_approval_proposed_by FOREIGN KEY(version, proposed_by) REFERENCES instrument_rules (version, "by"),
  CONSTRAINT ck_instrument_rules_approval_another CHECK ("by" <> proposed_by)
);

CREATE TABLE approval_assertion (
  approval_id INTEGER NOT NULL,
  request_id INTEGER NOT NULL,
  rp_id VARCHAR(255) NOT NULL,
  nonce BLOB NOT NULL,
  authenticator_data BLOB NOT NULL,
  client_data BLOB NOT NULL,
  signature BLOB NOT NULL,
  public_key BLOB NOT NULL,
  CONSTRAINT pk_approval_assertion PRIMARY KEY (approval_id),
  CONSTRAINT ck_approval_assertion_nonce CHECK (length(nonce) = 16),
  CONSTRAINT fk_approval_assertion_approval_id FOREIGN KEY(approval_id) REFERENCES approval (id)
);

CREATE INDEX ix_approval_assertion_request_id ON approval_assertion (request_id);

CREATE TABLE showing (
  id INTEGER NOT NULL,
  request_id INTEGER NOT NULL,
  approval_id INTEGER NOT NULL,
  scope_version INTEGER NOT NULL,
  entered_by VARCHAR(300) NOT NULL,
  viewer TEXT NOT NULL,
  belongs TEXT NOT NULL,
  identity TEXT NOT NULL,
  place TEXT NOT NULL,
  beside TEXT NOT NULL,
  person_id INTEGER NOT NULL,
  "by" VARCHAR(300) NOT NULL,
  by_name VARCHAR(360) NOT NULL,
  at BIGINT NOT NULL,
  ends_at BIGINT NOT NULL,
  ended_at BIGINT,
  ended_by_name VARCHAR(360) NOT NULL,
  seen TEXT NOT NULL,
  CONSTRAINT pk_showing PRIMARY KEY (id),
  CONSTRAINT fk_showing_approval FOREIGN KEY(approval_id, request_id, scope_version) REFERENCES approval (id, request_id, scope_version),
  CONSTRAINT fk_showing_entered_by FOREIGN KEY(request_id, entered_by) REFERENCES export_request (id, entered_by),
  CONSTRAINT ck_showing_another CHECK ("by" <> entered_by),
  CONSTRAINT fk_showing_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE INDEX ix_showing_request_id_at ON showing (request_id, at);

CREATE UNIQUE INDEX uq_showing_person ON showing (person_id) WHERE ended_at IS NULL;

CREATE UNIQUE INDEX uq_showing_request ON showing (request_id) WHERE ended_at IS NULL;

CREATE TABLE inquiry (
  id INTEGER NOT NULL,
  asked_by VARCHAR(32) NOT NULL,
  name VARCHAR(200) NOT NULL,
  agency VARCHAR(200) NOT NULL,
  contact VARCHAR(200) NOT NULL,
  happened TEXT NOT NULL,
  place VARCHAR(200) NOT NULL,
  when_said VARCHAR(200) NOT NULL,
  brings_paper BOOLEAN NOT NULL,
  at BIGINT NOT NULL,
  request_id INTEGER,
  reason TEXT NOT NULL,
  decided_by VARCHAR(300),
  decided_by_name VARCHAR(360),
  decided_at BIGINT,
  texts BLOB,
  CONSTRAINT pk_inquiry PRIMARY KEY (id),
  CONSTRAINT ck_inquiry_asked_by CHECK (asked_by IN ('agency', 'person', 'other')),
  CONSTRAINT ck_inquiry_decided CHECK (decided_at IS NOT NULL OR request_id IS NULL AND reason = ''),
  CONSTRAINT ck_inquiry_outcome CHECK (request_id IS NULL OR reason = '')
);

CREATE INDEX ix_inquiry_at ON inquiry (at);

CREATE INDEX ix_inquiry_decided_at_at ON inquiry (decided_at, at);
