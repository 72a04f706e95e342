-- A database as migration 0007 left it, with what an account may own: as SQLite dumps it.
BEGIN TRANSACTION;
CREATE TABLE accounts (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	email TEXT, 
	"plan" TEXT NOT NULL, 
	preferences JSON NOT NULL, 
	storage_limit BIGINT, 
	created DOUBLE NOT NULL, 
	deleted DOUBLE, 
	CONSTRAINT pk_accounts PRIMARY KEY (id)
);
INSERT INTO "accounts" VALUES('admin','admin',NULL,'enterprise','{}',NULL,1.79531393208971095081e+09,NULL);
INSERT INTO "accounts" VALUES('account_CxRz4b-vh6iu-WLmRL0a-Q','the web shop',NULL,'basic','{"default_model": null, "default_size": null, "filter": null, "auto_save": null, "options": {}}',NULL,1.79531393280326390269e+09,NULL);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0007');
CREATE TABLE collected (
	collection_id TEXT NOT NULL, 
	image_id TEXT NOT NULL, 
	CONSTRAINT pk_collected PRIMARY KEY (collection_id, image_id), 
	CONSTRAINT fk_collected_collection_id FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE, 
	CONSTRAINT fk_collected_image_id FOREIGN KEY(image_id) REFERENCES images (id) ON DELETE CASCADE
);
INSERT INTO "collected" VALUES('collection_9oif8vvinfbktJFGOYuMEw','image_cDffdG2Q8LzPd46DrVSo1Q');
CREATE TABLE collections (
	id TEXT NOT NULL, 
	account TEXT NOT NULL, 
	name TEXT NOT NULL, 
	slug TEXT NOT NULL, 
	description TEXT NOT NULL, 
	public BOOLEAN NOT NULL, 
	cover TEXT, 
	created DOUBLE NOT NULL, 
	CONSTRAINT pk_collections PRIMARY KEY (id), 
	CONSTRAINT fk_collections_cover FOREIGN KEY(cover) REFERENCES images (id) ON DELETE SET NULL, 
	CONSTRAINT uq_collections_slug UNIQUE (slug)
);
INSERT INTO "collections" VALUES('collection_9oif8vvinfbktJFGOYuMEw','account_CxRz4b-vh6iu-WLmRL0a-Q','My Landscapes','my-landscapes','',0,NULL,1.79531393302148604388e+09);
CREATE TABLE connectors (
	id TEXT NOT NULL, 
	account TEXT NOT NULL, 
	service TEXT NOT NULL, 
	settings JSON NOT NULL, 
	secrets TEXT NOT NULL, 
	folder TEXT NOT NULL, 
	naming TEXT NOT NULL, 
	auto_upload BOOLEAN NOT NULL, 
	created DOUBLE NOT NULL, 
	CONSTRAINT pk_connectors PRIMARY KEY (id)
);
CREATE TABLE counts (
	subject TEXT NOT NULL, 
	seconds INTEGER NOT NULL, 
	start BIGINT NOT NULL, 
	count BIGINT NOT NULL, 
	most BIGINT NOT NULL, 
	CONSTRAINT pk_counts PRIMARY KEY (subject, seconds)
);
CREATE TABLE deliveries (
	id INTEGER NOT NULL, 
	message_id TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	status INTEGER, 
	sentence TEXT, 
	CONSTRAINT pk_deliveries PRIMARY KEY (id), 
	CONSTRAINT fk_deliveries_message_id FOREIGN KEY(message_id) REFERENCES outbox (id) ON DELETE CASCADE
);
CREATE TABLE image_tags (
	image_id TEXT NOT NULL, 
	tag TEXT NOT NULL, 
	CONSTRAINT pk_image_tags PRIMARY KEY (image_id, tag), 
	CONSTRAINT fk_image_tags_image_id FOREIGN KEY(image_id) REFERENCES images (id) ON DELETE CASCADE
);
INSERT INTO "image_tags" VALUES('image_cDffdG2Q8LzPd46DrVSo1Q','sea');
CREATE TABLE images (
	id TEXT NOT NULL, 
	job_id TEXT, 
	number INTEGER NOT NULL, 
	account TEXT NOT NULL, 
	blob TEXT NOT NULL, 
	encoding JSON NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	rendered_width INTEGER NOT NULL, 
	rendered_height INTEGER NOT NULL, 
	seed BIGINT, 
	model TEXT, 
	link TEXT, 
	created DOUBLE NOT NULL, 
	expires DOUBLE NOT NULL, 
	deleted DOUBLE, drawn_by TEXT, asked TEXT, preset TEXT, preset_name TEXT, parent TEXT, alias TEXT, kind TEXT DEFAULT '' NOT NULL, prompt TEXT DEFAULT '' NOT NULL, title TEXT DEFAULT '' NOT NULL, description TEXT DEFAULT '' NOT NULL, views BIGINT DEFAULT '0' NOT NULL, downloads BIGINT DEFAULT '0' NOT NULL, public BOOLEAN DEFAULT 0 NOT NULL, variables JSON, size BIGINT, seconds DOUBLE, 
	CONSTRAINT pk_images PRIMARY KEY (id), 
	CONSTRAINT fk_images_job_id FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE SET NULL, 
	CONSTRAINT uq_images_link UNIQUE (link)
);
INSERT INTO "images" VALUES('image_cDffdG2Q8LzPd46DrVSo1Q','job_qlBEAsSv3ejHYDjMv6a3iQ',0,'account_CxRz4b-vh6iu-WLmRL0a-Q','2c2ba0f4de001e0284f6d2ccb84081284bb43dbc8f4cce4a7b5fbe79576d41a7','{"format": "png", "quality": 95, "metadata": true}',128,128,128,128,3582594316,'flat',NULL,1.7953139329774377346e+09,9e999,NULL,'job_qlBEAsSv3ejHYDjMv6a3iQ',NULL,NULL,NULL,NULL,NULL,'text_to_image','the sea','','',0,0,0,'{}',1551,2.96688079833984375e-03);
CREATE TABLE jobs (
	id TEXT NOT NULL, 
	account TEXT NOT NULL, 
	priority INTEGER NOT NULL, 
	deadline DOUBLE, 
	previews BOOLEAN NOT NULL, 
	model TEXT, 
	task TEXT NOT NULL, 
	pixels TEXT, 
	encoding JSON NOT NULL, 
	api TEXT NOT NULL, 
	said JSON NOT NULL, 
	state TEXT NOT NULL, 
	holder TEXT, 
	lease_until DOUBLE, 
	attempt INTEGER NOT NULL, 
	deaths INTEGER NOT NULL, 
	cancel_asked BOOLEAN NOT NULL, 
	step INTEGER NOT NULL, 
	steps INTEGER NOT NULL, 
	facts TEXT, 
	error_code TEXT, 
	error_sentence TEXT, 
	created DOUBLE NOT NULL, 
	started DOUBLE, 
	ended DOUBLE, 
	deleted DOUBLE, caption JSON, kind TEXT, request TEXT, connector TEXT, 
	CONSTRAINT pk_jobs PRIMARY KEY (id)
);
INSERT INTO "jobs" VALUES('job_qlBEAsSv3ejHYDjMv6a3iQ','account_CxRz4b-vh6iu-WLmRL0a-Q',0,NULL,0,'flat','{"kind": "TextToImage", "fields": {"model": "flat", "prompt": "the sea", "negative_prompt": "", "width": 128, "height": 128, "steps": 2, "guidance_scale": 4.0, "sampler": "euler", "seed": 3582594316, "count": 1, "guidance_rescale": 0.0, "guidance_interval": [0.0, 1.0], "clip_skip": 0, "loras": [], "vae": null, "variation": null, "controls": [], "image_prompts": [], "first_pass": null}}',NULL,'{"format": "png", "quality": 95, "metadata": true}','darkroom','{}','succeeded',NULL,NULL,1,0,0,2,2,NULL,NULL,NULL,1.79531393291020274164e+09,1.7953139329709877968e+09,1.795313932978847742e+09,NULL,'{"asked": null, "preset": null, "preset_name": null, "variables": {}, "parent": null, "title": "", "description": "", "tags": [], "public": false, "keep": null}','text_to_image','req_283454cb949ba3d3051ec89e',NULL);
CREATE TABLE keys (
	id TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	account TEXT NOT NULL, 
	name TEXT NOT NULL, 
	scopes JSON NOT NULL, 
	models JSON, 
	expires DOUBLE, 
	revoked DOUBLE, 
	created DOUBLE NOT NULL, 
	last_used DOUBLE, 
	CONSTRAINT pk_keys PRIMARY KEY (id), 
	CONSTRAINT fk_keys_account FOREIGN KEY(account) REFERENCES accounts (id)
);
INSERT INTO "keys" VALUES('0123456789abcdef','da10793da01bcea1c6100d415e04cd82ef888cd251af0f9c6e508f4bc043bfc0','account_CxRz4b-vh6iu-WLmRL0a-Q','the shop''s','["draw", "manage", "read"]',NULL,NULL,NULL,1.79531393284057593342e+09,1.79531393289683389663e+09);
CREATE TABLE ledger (
	id INTEGER NOT NULL, 
	account TEXT NOT NULL, 
	job_id TEXT, 
	kind TEXT NOT NULL, 
	amount BIGINT NOT NULL, 
	model TEXT, 
	pictures INTEGER NOT NULL, 
	day TEXT NOT NULL, 
	CONSTRAINT pk_ledger PRIMARY KEY (id), 
	CONSTRAINT uq_ledger_job_id_kind UNIQUE (job_id, kind)
);
INSERT INTO "ledger" VALUES(1,'account_CxRz4b-vh6iu-WLmRL0a-Q','job_qlBEAsSv3ejHYDjMv6a3iQ','reserve',-1000,'flat',0,'2026-11-22');
INSERT INTO "ledger" VALUES(2,'account_CxRz4b-vh6iu-WLmRL0a-Q','job_qlBEAsSv3ejHYDjMv6a3iQ','settle',0,'flat',1,'2026-11-22');
CREATE TABLE likes (
	image_id TEXT NOT NULL, 
	account TEXT NOT NULL, 
	CONSTRAINT pk_likes PRIMARY KEY (image_id, account), 
	CONSTRAINT fk_likes_image_id FOREIGN KEY(image_id) REFERENCES images (id) ON DELETE CASCADE
);
CREATE TABLE outbox (
	id TEXT NOT NULL, 
	account TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	target TEXT NOT NULL, 
	lane TEXT NOT NULL, 
	job_id TEXT, 
	event TEXT NOT NULL, 
	data JSON NOT NULL, 
	state TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	holder TEXT, 
	next_try DOUBLE, 
	status INTEGER, 
	sentence TEXT, 
	created DOUBLE NOT NULL, 
	ended DOUBLE, 
	CONSTRAINT pk_outbox PRIMARY KEY (id)
);
CREATE TABLE presets (
	id TEXT NOT NULL, 
	account TEXT NOT NULL, 
	content JSON NOT NULL, 
	created DOUBLE NOT NULL, 
	changed DOUBLE NOT NULL, 
	CONSTRAINT pk_presets PRIMARY KEY (id)
);
CREATE TABLE quotas (
	account TEXT NOT NULL, 
	amount BIGINT NOT NULL, 
	CONSTRAINT pk_quotas PRIMARY KEY (account)
);
CREATE TABLE requests (
	job_id TEXT NOT NULL, 
	account TEXT NOT NULL, 
	"key" TEXT, 
	number INTEGER NOT NULL, 
	fingerprint TEXT NOT NULL, 
	tries INTEGER NOT NULL, 
	created DOUBLE NOT NULL, 
	"left" DOUBLE, 
	CONSTRAINT pk_requests PRIMARY KEY (job_id), 
	CONSTRAINT uq_requests_account_key_number UNIQUE (account, "key", number)
);
CREATE TABLE thumbnails (
	blob TEXT NOT NULL, 
	side INTEGER NOT NULL, 
	small TEXT NOT NULL, 
	CONSTRAINT pk_thumbnails PRIMARY KEY (blob, side)
);
CREATE TABLE webhooks (
	id TEXT NOT NULL, 
	account TEXT NOT NULL, 
	job_id TEXT, 
	url TEXT NOT NULL, 
	secret TEXT, 
	events JSON NOT NULL, 
	form TEXT NOT NULL, 
	pauses JSON, 
	disabled TEXT, 
	called DOUBLE, 
	created DOUBLE NOT NULL, 
	CONSTRAINT pk_webhooks PRIMARY KEY (id)
);
INSERT INTO "webhooks" VALUES('webhook_Q48EziiN9SWx02N8fGdOqA','account_CxRz4b-vh6iu-WLmRL0a-Q',NULL,'http://127.0.0.1:9/hook','gAAAAABrAlENKdYF1iEpRd6LSdT1xB9gGKJwgv_MQ5CZQQOisFFtA5ufLEXuNqFB10DStAsI2anZIbW8XygY4kKcKp7kJWYVl8sL9aEi-TJxo78Uff176OO7dlrN5JZE9WtXOT48Dxy8F0WJEKghrg5ivbHDpGWheQ==','["job.succeeded", "job.failed", "job.cancelled"]','darkroom','null',NULL,NULL,1.79531393310868525505e+09);
CREATE INDEX ix_jobs_account_created_id ON jobs (account, created, id);
CREATE INDEX ix_jobs_deleted ON jobs (deleted);
CREATE INDEX ix_jobs_ended ON jobs (ended);
CREATE INDEX ix_jobs_holder ON jobs (holder);
CREATE INDEX ix_jobs_pixels ON jobs (pixels);
CREATE INDEX ix_jobs_state_priority_created ON jobs (state, priority, created);
CREATE INDEX ix_images_account_created_id ON images (account, created, id);
CREATE INDEX ix_images_blob ON images (blob);
CREATE INDEX ix_images_deleted ON images (deleted);
CREATE INDEX ix_images_expires ON images (expires);
CREATE INDEX ix_images_job_id ON images (job_id);
CREATE UNIQUE INDEX ix_images_account_alias ON images (account, alias);
CREATE INDEX ix_images_public_created_id ON images (public, created, id);
CREATE INDEX ix_image_tags_tag ON image_tags (tag);
CREATE INDEX ix_collections_account ON collections (account);
CREATE INDEX ix_collections_cover ON collections (cover);
CREATE INDEX ix_collected_image_id ON collected (image_id);
CREATE INDEX ix_thumbnails_small ON thumbnails (small);
CREATE INDEX ix_presets_account ON presets (account);
CREATE INDEX ix_keys_account ON keys (account);
CREATE INDEX ix_requests_account_fingerprint ON requests (account, fingerprint);
CREATE INDEX ix_requests_created ON requests (created);
CREATE INDEX ix_requests_left ON requests ("left");
CREATE UNIQUE INDEX ix_ledger_end ON ledger (job_id) WHERE kind IN ('settle', 'release');
CREATE INDEX ix_ledger_account_day ON ledger (account, day);
CREATE INDEX ix_ledger_account_kind_amount ON ledger (account, kind, amount);
CREATE INDEX ix_webhooks_account_created ON webhooks (account, created);
CREATE INDEX ix_webhooks_job_id ON webhooks (job_id);
CREATE INDEX ix_outbox_ended ON outbox (ended);
CREATE INDEX ix_outbox_holder ON outbox (holder);
CREATE INDEX ix_outbox_state_next_try ON outbox (state, next_try);
CREATE INDEX ix_outbox_target_created_id ON outbox (target, created, id);
CREATE INDEX ix_deliveries_message_id ON deliveries (message_id);
CREATE INDEX ix_connectors_account_created ON connectors (account, created);
CREATE INDEX ix_likes_account ON likes (account);
COMMIT;
