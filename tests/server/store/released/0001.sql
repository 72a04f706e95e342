-- A database as migration 0001 made it, with a job that is queued, one that was drawn, and its image: for either kind.
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO alembic_version VALUES ('0001');

CREATE TABLE jobs (
    id TEXT NOT NULL,
    account TEXT NOT NULL,
    priority INTEGER NOT NULL,
    deadline DOUBLE PRECISION,
    previews BOOLEAN NOT NULL,
    model TEXT,
    task TEXT NOT NULL,
    pixels TEXT,
    encoding JSON NOT NULL,
    api TEXT NOT NULL,
    said JSON NOT NULL,
    state TEXT NOT NULL,
    holder TEXT,
    lease_until DOUBLE PRECISION,
    attempt INTEGER NOT NULL,
    deaths INTEGER NOT NULL,
    cancel_asked BOOLEAN NOT NULL,
    step INTEGER NOT NULL,
    steps INTEGER NOT NULL,
    facts TEXT,
    error_code TEXT,
    error_sentence TEXT,
    created DOUBLE PRECISION NOT NULL,
    started DOUBLE PRECISION,
    ended DOUBLE PRECISION,
    deleted DOUBLE PRECISION,
    CONSTRAINT pk_jobs PRIMARY KEY (id)
);
CREATE INDEX ix_jobs_account_created_id ON jobs (account, created, id);
CREATE INDEX ix_jobs_deleted ON jobs (deleted);
CREATE INDEX ix_jobs_ended ON jobs (ended);
CREATE INDEX ix_jobs_holder ON jobs (holder);
CREATE INDEX ix_jobs_pixels ON jobs (pixels);
CREATE INDEX ix_jobs_state_priority_created ON jobs (state, priority, created);

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
    created DOUBLE PRECISION NOT NULL,
    expires DOUBLE PRECISION NOT NULL,
    deleted DOUBLE PRECISION,
    CONSTRAINT pk_images PRIMARY KEY (id),
    CONSTRAINT fk_images_job_id FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE SET NULL,
    CONSTRAINT uq_images_link UNIQUE (link)
);
CREATE INDEX ix_images_account_created_id ON images (account, created, id);
CREATE INDEX ix_images_blob ON images (blob);
CREATE INDEX ix_images_deleted ON images (deleted);
CREATE INDEX ix_images_expires ON images (expires);
CREATE INDEX ix_images_job_id ON images (job_id);

INSERT INTO jobs VALUES (
    'job_drawn', 'admin', 0, NULL, FALSE, 'flat',
    '{"kind": "TextToImage", "fields": {"model": "flat", "prompt": "a red star", "negative_prompt": "", "width": 64, "height": 64, "steps": 2, "guidance_scale": 4.0, "sampler": "euler", "seed": 7, "count": 1}}',
    NULL, '{"format": "png", "quality": 95, "metadata": true}', 'darkroom', '{}', 'succeeded', NULL, NULL, 1, 0, FALSE,
    2, 2, NULL, NULL, NULL, 1700000000.0, 1700000001.0, 1700000002.0, NULL
);
INSERT INTO jobs VALUES (
    'job_queued', 'admin', 0, NULL, FALSE, 'flat',
    '{"kind": "TextToImage", "fields": {"model": "flat", "prompt": "a blue star", "negative_prompt": "", "width": 64, "height": 64, "steps": 2, "guidance_scale": 4.0, "sampler": "euler", "seed": 8, "count": 1}}',
    NULL, '{"format": "png", "quality": 95, "metadata": true}', 'darkroom', '{}', 'queued', NULL, NULL, 0, 0, FALSE,
    0, 0, NULL, NULL, NULL, 1700000003.0, NULL, NULL, NULL
);
-- The blob is the SHA-256 of the words "a picture of an older version".
INSERT INTO images VALUES (
    'image_drawn', 'job_drawn', 0, 'admin', 'd37efb93d9f6fff6361ccdcb4c5429577cfdde3acce19250598062088d865149',
    '{"format": "png", "quality": 95, "metadata": true}', 64, 64, 64, 64, 7, 'flat', NULL, 1700000002.0, 9000000000.0,
    NULL
);
