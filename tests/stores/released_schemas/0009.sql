BEGIN TRANSACTION;
CREATE TABLE alerts (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	fingerprint TEXT NOT NULL, 
	state TEXT NOT NULL, 
	start BIGINT NOT NULL, 
	stop BIGINT, 
	detector TEXT NOT NULL, 
	tags JSON NOT NULL, 
	rule TEXT NOT NULL, 
	title TEXT NOT NULL, 
	summary TEXT NOT NULL, 
	description TEXT NOT NULL, 
	labels JSON NOT NULL, 
	annotations JSON NOT NULL, 
	"values" JSON NOT NULL, 
	panel_url TEXT NOT NULL, 
	received_at BIGINT NOT NULL, 
	heard_at BIGINT NOT NULL, 
	message BIGINT
);
INSERT INTO "alerts" VALUES(1,'f00d','firing',1780000000123456789,NULL,'gas-room','{"room": "A1"}','alarm','Gas room','Score 3.1','','{"severity": "high"}','{}','{"A": 3.1}','http://grafana/d/1',1780000000123456789,1780000000123456794,1);
CREATE TABLE annotation_links (
	book TEXT NOT NULL, 
	annotation TEXT NOT NULL, 
	tie TEXT NOT NULL, 
	start BIGINT NOT NULL, 
	stop BIGINT NOT NULL, 
	content TEXT NOT NULL, 
	updated BIGINT NOT NULL, 
	labels JSON NOT NULL, 
	dashboard TEXT NOT NULL, 
	rid TEXT NOT NULL, 
	revision BIGINT NOT NULL, 
	CONSTRAINT pk_annotation_links PRIMARY KEY (book, annotation)
);
INSERT INTO "annotation_links" VALUES('grafana/1','17','drawn',1780000000123456789,1780003600123456789,'c0',5,'[1]','','',3);
CREATE TABLE annotation_problems (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	book TEXT NOT NULL, 
	annotation TEXT NOT NULL, 
	message TEXT NOT NULL, 
	since BIGINT NOT NULL
);
INSERT INTO "annotation_problems" VALUES(1,'grafana/1','18','too long',1780000000123456789);
CREATE TABLE audit (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at BIGINT NOT NULL, 
	who TEXT NOT NULL, 
	how TEXT NOT NULL, 
	address TEXT NOT NULL, 
	action TEXT NOT NULL, 
	detector TEXT NOT NULL, 
	words TEXT NOT NULL
);
INSERT INTO "audit" VALUES(1,1780000000123456789,'ada','api','10.0.0.7','label.add','gas-room','1 label');
CREATE TABLE detectors (
	name TEXT NOT NULL, 
	spec JSON NOT NULL, 
	changed_by TEXT NOT NULL, 
	changed_at BIGINT NOT NULL, 
	CONSTRAINT pk_detectors PRIMARY KEY (name)
);
INSERT INTO "detectors" VALUES('pump','{"measurement": "air", "channels": ["temp", "H\u2082S"], "group_by": ["room"], "every": "10m"}','ada',1780000000123456789);
CREATE TABLE drift_proposals (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	detector TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	found_at BIGINT NOT NULL, 
	reason TEXT NOT NULL, 
	details JSON NOT NULL, 
	answer TEXT NOT NULL, 
	"by" TEXT NOT NULL, 
	answered_at BIGINT
);
INSERT INTO "drift_proposals" VALUES(1,'gas-room',2,1780000000123456789,'the error rises','{"ratio": 1.5}','open','',NULL);
CREATE TABLE drift_watches (
	detector TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	until BIGINT NOT NULL, 
	state JSON NOT NULL, 
	CONSTRAINT pk_drift_watches PRIMARY KEY (detector)
);
INSERT INTO "drift_watches" VALUES('gas-room',2,1780000000123456789,'{"sum": 0.5, "seen": 1000}');
CREATE TABLE identities (
	issuer TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	name TEXT NOT NULL, 
	first_at BIGINT NOT NULL, 
	last_at BIGINT NOT NULL, 
	CONSTRAINT pk_identities PRIMARY KEY (issuer, subject)
);
INSERT INTO "identities" VALUES('https://id','42','eve',1780000000123456789,1780000000123456789);
CREATE TABLE labels (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	detector TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	start BIGINT NOT NULL, 
	stop BIGINT NOT NULL, 
	tags JSON NOT NULL, 
	note TEXT NOT NULL, 
	source TEXT NOT NULL, 
	created_by TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	removed_by TEXT, 
	removed_at BIGINT
);
INSERT INTO "labels" VALUES(1,'gas-room','normal',1780000000123456789,1780003600123456789,'{"room": "A1"}','after the overhaul: „gut“','command','ada',1780000000123456789,NULL,NULL);
INSERT INTO "labels" VALUES(2,'gas-room','anomaly',1780000000123456789,1780003600123456789,'{"room": "A1"}','after the overhaul: „gut“','command','ada',1780000000123456789,'bob',1780000000123456798);
CREATE TABLE leases (
	name TEXT NOT NULL, 
	holder TEXT NOT NULL, 
	token TEXT NOT NULL, 
	until BIGINT NOT NULL, 
	due BIGINT, 
	served BIGINT, 
	formerly TEXT NOT NULL, 
	CONSTRAINT pk_leases PRIMARY KEY (name)
);
INSERT INTO "leases" VALUES('score:gas-room','host:1:abc','t',1780000000123456789,NULL,1780000000123456789,'');
CREATE TABLE messages (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	created_at BIGINT NOT NULL, 
	state TEXT NOT NULL, 
	next_try BIGINT NOT NULL, 
	tries BIGINT NOT NULL, 
	ended_at BIGINT, 
	problem TEXT NOT NULL
);
INSERT INTO "messages" VALUES(1,1780000000123456789,'delivered',1780000000123456789,1,1780000000123456789,'');
CREATE TABLE normalcy_schema (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT normalcy_schema_pkc PRIMARY KEY (version_num)
);
INSERT INTO "normalcy_schema" VALUES('0009');
CREATE TABLE process_reports (
	name TEXT NOT NULL, 
	role TEXT NOT NULL, 
	host TEXT NOT NULL, 
	pid BIGINT NOT NULL, 
	program TEXT NOT NULL, 
	started_at BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	families JSON NOT NULL, 
	CONSTRAINT pk_process_reports PRIMARY KEY (name)
);
INSERT INTO "process_reports" VALUES('host:1:abc','jobs','host',1,'0.1',1780000000123456789,1780000000123456789,'[]');
CREATE TABLE promotions (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	detector TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	serves_from BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	"by" TEXT NOT NULL
);
INSERT INTO "promotions" VALUES(1,'gas-room',1,1780000000123456789,1780000000123456789,'ada');
INSERT INTO "promotions" VALUES(2,'gas-room',2,1780000000123456789,1780000000123456789,'ada');
CREATE TABLE requests (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	kind TEXT NOT NULL, 
	detector TEXT NOT NULL, 
	payload JSON NOT NULL, 
	fingerprint TEXT NOT NULL, 
	created_by TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	state TEXT NOT NULL, 
	worker TEXT, 
	claimed_at BIGINT, 
	deadline BIGINT, 
	finished_at BIGINT, 
	progress DOUBLE NOT NULL, 
	result JSON NOT NULL, 
	message TEXT NOT NULL
, words TEXT DEFAULT '' NOT NULL, cancelled_by TEXT);
INSERT INTO "requests" VALUES(1,'backfill','gas-room','{"start": 1780000000123456789, "stop": 1780003600123456789}','abababababababababababababababababababababababababababababababab','ada',1780000000123456789,'done',NULL,NULL,NULL,1780000000123456789,0.0,'{"points": 3}','','',NULL);
INSERT INTO "requests" VALUES(2,'backfill','gas-room','{"start": 1780000000123456789, "stop": 1780003600123456789}','abababababababababababababababababababababababababababababababab','ada',1780000000123456789,'waiting',NULL,NULL,NULL,NULL,0.0,'{}','','',NULL);
INSERT INTO "requests" VALUES(3,'retrain','gas-room','{"start": 1780000000123456789, "stop": 1780003600123456789}','abababababababababababababababababababababababababababababababab','ada',1780000000123456789,'running','host:1:abc',1780000000123456789,1780003600123456789,NULL,0.0,'{}','','',NULL);
CREATE TABLE run_log (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	run BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	words TEXT NOT NULL
);
INSERT INTO "run_log" VALUES(1,1,1780000000123456789,'epoch 3 of 10');
CREATE TABLE runs (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	kind TEXT NOT NULL, 
	detector TEXT NOT NULL, 
	state TEXT NOT NULL, 
	started_at BIGINT NOT NULL, 
	worker TEXT NOT NULL, 
	finished_at BIGINT, 
	message TEXT NOT NULL, 
	details JSON NOT NULL
, progress DOUBLE DEFAULT '0' NOT NULL, words TEXT DEFAULT '' NOT NULL, told_at BIGINT, cancelled_by TEXT);
INSERT INTO "runs" VALUES(1,'retrain','gas-room','done',1780000000123456789,'host:1:abc',1780003600123456789,'','{"version": 2, "took_s": 12.5}',1.0,'done',1780000000123456796,NULL);
INSERT INTO "runs" VALUES(2,'retrain','gas-room','running',1780000000123456789,'host:1:abc',NULL,'','{"version": 2, "took_s": 12.5}',0.25,'done',1780000000123456796,NULL);
CREATE TABLE sessions (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	digest TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	name TEXT NOT NULL, 
	proof TEXT NOT NULL, 
	began_at BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	address TEXT NOT NULL, 
	agent TEXT NOT NULL
);
INSERT INTO "sessions" VALUES(1,'5555555555555555555555555555555555555555555555555555555555555555','account','ada','p',1780000000123456789,1780000000123456789,'10.0.0.7','Firefox');
CREATE TABLE set_aside (
	detector TEXT NOT NULL, 
	series TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	since BIGINT NOT NULL, 
	retry_at BIGINT NOT NULL, 
	CONSTRAINT pk_set_aside PRIMARY KEY (detector, series)
);
INSERT INTO "set_aside" VALUES('gas-room','room=B2','no values of channel ''temp''',1780000000123456789,1780003600123456789);
CREATE TABLE spent_links (
	digest TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	CONSTRAINT pk_spent_links PRIMARY KEY (digest)
);
INSERT INTO "spent_links" VALUES('6666666666666666666666666666666666666666666666666666666666666666',1780000000123456789);
CREATE TABLE tokens (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	role TEXT NOT NULL, 
	detectors JSON NOT NULL, 
	created_by TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT, 
	revoked_at BIGINT, 
	used_at BIGINT
);
INSERT INTO "tokens" VALUES(1,'grafana','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','viewer','["pump"]','ada',1780000000123456789,NULL,NULL,1780000000123456789);
CREATE TABLE upkeep (
	name TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	details JSON NOT NULL, 
	CONSTRAINT pk_upkeep PRIMARY KEY (name)
);
INSERT INTO "upkeep" VALUES('backup',1780000000123456789,'{"size": 7}');
CREATE TABLE users (
	name TEXT NOT NULL, 
	password_hash TEXT NOT NULL, 
	role TEXT NOT NULL, 
	created_by TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	changed_at BIGINT NOT NULL, 
	CONSTRAINT pk_users PRIMARY KEY (name)
);
INSERT INTO "users" VALUES('ada','scrypt$1','admin','bob',1780000000123456789,1780000000123456789);
CREATE TABLE version_numbers (
	detector TEXT NOT NULL, 
	last BIGINT NOT NULL, 
	CONSTRAINT pk_version_numbers PRIMARY KEY (detector)
);
INSERT INTO "version_numbers" VALUES('gas-room',4);
CREATE TABLE versions (
	detector TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	artifact TEXT NOT NULL, 
	spec JSON NOT NULL, 
	label_hash TEXT NOT NULL, 
	data_hash TEXT NOT NULL, 
	provisional BOOLEAN NOT NULL, 
	verdict TEXT NOT NULL, 
	training JSON NOT NULL, 
	CONSTRAINT pk_versions PRIMARY KEY (detector, number)
);
INSERT INTO "versions" VALUES('gas-room',1,1780000000123456789,'gas-room/1','{"measurement": "air", "channels": ["temp", "H\u2082S"], "group_by": ["room"], "every": "10m"}','1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f','2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e',0,'retired','{"rows": 1000, "warnings": ["little normal data"], "series": {"room=A1": {}}}');
INSERT INTO "versions" VALUES('gas-room',2,1780000000123456789,'gas-room/2','{"measurement": "air", "channels": ["temp", "H\u2082S"], "group_by": ["room"], "every": "10m"}','1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f','2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e',0,'champion','{"rows": 1000, "warnings": ["little normal data"], "series": {"room=A1": {}}}');
CREATE TABLE watermarks (
	detector TEXT NOT NULL, 
	series TEXT NOT NULL, 
	mark BIGINT NOT NULL, 
	CONSTRAINT pk_watermarks PRIMARY KEY (detector, series)
);
INSERT INTO "watermarks" VALUES('gas-room','room=A1',1780000000123456789);
CREATE INDEX ix_labels_detector_start ON labels (detector, start);
CREATE INDEX ix_promotions_detector_id ON promotions (detector, id);
CREATE INDEX ix_runs_detector_id ON runs (detector, id);
CREATE INDEX ix_runs_running ON runs (worker) WHERE state = 'running';
CREATE UNIQUE INDEX uq_requests_waiting ON requests (kind, detector, fingerprint) WHERE state = 'waiting';
CREATE INDEX ix_requests_open ON requests (id) WHERE state IN ('waiting', 'running');
CREATE INDEX ix_messages_pending ON messages (next_try) WHERE state = 'pending';
CREATE UNIQUE INDEX uq_alerts_told ON alerts (fingerprint, start, state);
CREATE INDEX ix_alerts_start ON alerts (start);
CREATE INDEX ix_alerts_message ON alerts (message);
CREATE UNIQUE INDEX uq_labels_alert ON labels (source) WHERE substr(source, 1, 6) = 'alert ' AND removed_at IS NULL;
CREATE UNIQUE INDEX uq_annotation_links_rid ON annotation_links (book, rid) WHERE rid <> '';
CREATE INDEX ix_run_log_run ON run_log (run, id);
CREATE UNIQUE INDEX uq_tokens_digest ON tokens (digest);
CREATE INDEX ix_audit_at ON audit (at);
CREATE INDEX ix_audit_detector_id ON audit (detector, id);
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is never changed'); END;
CREATE UNIQUE INDEX uq_sessions_digest ON sessions (digest);
CREATE INDEX ix_sessions_name ON sessions (kind, name);
CREATE UNIQUE INDEX uq_identities_name ON identities (name);
CREATE INDEX ix_drift_proposals_detector ON drift_proposals (detector, answer);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('alerts',1);
INSERT INTO "sqlite_sequence" VALUES('annotation_problems',1);
INSERT INTO "sqlite_sequence" VALUES('audit',1);
INSERT INTO "sqlite_sequence" VALUES('drift_proposals',1);
INSERT INTO "sqlite_sequence" VALUES('labels',2);
INSERT INTO "sqlite_sequence" VALUES('messages',1);
INSERT INTO "sqlite_sequence" VALUES('promotions',2);
INSERT INTO "sqlite_sequence" VALUES('requests',3);
INSERT INTO "sqlite_sequence" VALUES('run_log',1);
INSERT INTO "sqlite_sequence" VALUES('runs',2);
INSERT INTO "sqlite_sequence" VALUES('sessions',1);
INSERT INTO "sqlite_sequence" VALUES('tokens',1);
COMMIT;
