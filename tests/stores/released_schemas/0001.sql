BEGIN TRANSACTION;
CREATE TABLE detectors (
	name TEXT NOT NULL, 
	spec JSON NOT NULL, 
	changed_by TEXT NOT NULL, 
	changed_at BIGINT NOT NULL, 
	CONSTRAINT pk_detectors PRIMARY KEY (name)
);
INSERT INTO "detectors" VALUES('pump','{"measurement": "air", "channels": ["temp", "H\u2082S"], "group_by": ["room"], "every": "10m"}','ada',1780000000123456789);
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
CREATE TABLE normalcy_schema (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT normalcy_schema_pkc PRIMARY KEY (version_num)
);
INSERT INTO "normalcy_schema" VALUES('0001');
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
);
INSERT INTO "requests" VALUES(1,'backfill','gas-room','{"start": 1780000000123456789, "stop": 1780003600123456789}','abababababababababababababababababababababababababababababababab','ada',1780000000123456789,'done',NULL,NULL,NULL,1780000000123456789,0.0,'{"points": 3}','');
INSERT INTO "requests" VALUES(2,'backfill','gas-room','{"start": 1780000000123456789, "stop": 1780003600123456789}','abababababababababababababababababababababababababababababababab','ada',1780000000123456789,'waiting',NULL,NULL,NULL,NULL,0.0,'{}','');
INSERT INTO "requests" VALUES(3,'retrain','gas-room','{"start": 1780000000123456789, "stop": 1780003600123456789}','abababababababababababababababababababababababababababababababab','ada',1780000000123456789,'running','host:1:abc',1780000000123456789,1780003600123456789,NULL,0.0,'{}','');
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
);
INSERT INTO "runs" VALUES(1,'retrain','gas-room','done',1780000000123456789,'host:1:abc',1780003600123456789,'','{"version": 2, "took_s": 12.5}');
INSERT INTO "runs" VALUES(2,'retrain','gas-room','running',1780000000123456789,'host:1:abc',NULL,'','{"version": 2, "took_s": 12.5}');
CREATE TABLE set_aside (
	detector TEXT NOT NULL, 
	series TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	since BIGINT NOT NULL, 
	retry_at BIGINT NOT NULL, 
	CONSTRAINT pk_set_aside PRIMARY KEY (detector, series)
);
INSERT INTO "set_aside" VALUES('gas-room','room=B2','no values of channel ''temp''',1780000000123456789,1780003600123456789);
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
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('labels',2);
INSERT INTO "sqlite_sequence" VALUES('promotions',2);
INSERT INTO "sqlite_sequence" VALUES('requests',3);
INSERT INTO "sqlite_sequence" VALUES('runs',2);
COMMIT;
