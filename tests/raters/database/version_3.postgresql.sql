CREATE TABLE name_of_database (
    tag VARCHAR NOT NULL,
    PRIMARY KEY (tag)
);

CREATE TABLE study (
    id SERIAL NOT NULL,
    name VARCHAR NOT NULL,
    created TIMESTAMP WITH TIME ZONE NOT NULL,
    protocol VARCHAR NOT NULL,
    question VARCHAR NOT NULL,
    options JSON NOT NULL,
    texts JSON,
    seed INTEGER NOT NULL,
    state VARCHAR NOT NULL,
    closed TIMESTAMP WITH TIME ZONE,
    height INTEGER NOT NULL,
    width INTEGER NOT NULL,
    golden INTEGER NOT NULL,
    repeats INTEGER NOT NULL,
    dashboard_token_hash VARCHAR NOT NULL,
    entry_token_hash VARCHAR NOT NULL,
    salt VARCHAR NOT NULL,
    secret VARCHAR NOT NULL,
    run VARCHAR NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (name),
    UNIQUE (dashboard_token_hash),
    UNIQUE (entry_token_hash)
);

CREATE TABLE content (
    id SERIAL NOT NULL,
    study INTEGER NOT NULL,
    image VARCHAR NOT NULL,
    cluster VARCHAR NOT NULL,
    strata JSON NOT NULL,
    top INTEGER NOT NULL,
    "left" INTEGER NOT NULL,
    height INTEGER NOT NULL,
    width INTEGER NOT NULL,
    chosen VARCHAR NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(study) REFERENCES study (id) ON DELETE CASCADE
);

CREATE INDEX ix_content_study ON content (study);

CREATE TABLE method (
    id SERIAL NOT NULL,
    study INTEGER NOT NULL,
    label VARCHAR NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(study) REFERENCES study (id) ON DELETE CASCADE
);

CREATE TABLE rater (
    id SERIAL NOT NULL,
    study INTEGER NOT NULL,
    token_hash VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    external_hash VARCHAR,
    participant VARCHAR,
    created TIMESTAMP WITH TIME ZONE NOT NULL,
    link_expires TIMESTAMP WITH TIME ZONE,
    consented TIMESTAMP WITH TIME ZONE,
    language VARCHAR,
    answers JSON,
    screen JSON,
    trained TIMESTAMP WITH TIME ZONE,
    agreed INTEGER,
    tab VARCHAR,
    withdrawn TIMESTAMP WITH TIME ZONE,
    finished TIMESTAMP WITH TIME ZONE,
    ended VARCHAR,
    completion_code VARCHAR,
    PRIMARY KEY (id),
    FOREIGN KEY(study) REFERENCES study (id) ON DELETE CASCADE,
    UNIQUE (token_hash)
);

CREATE INDEX ix_rater_study ON rater (study);

CREATE UNIQUE INDEX rater_external ON rater (study, external_hash);

CREATE TABLE comparison (
    id SERIAL NOT NULL,
    study INTEGER NOT NULL,
    first INTEGER NOT NULL,
    second INTEGER,
    quota INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    swapped INTEGER NOT NULL,
    done INTEGER NOT NULL,
    first_better INTEGER NOT NULL,
    second_better INTEGER NOT NULL,
    same INTEGER NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(study) REFERENCES study (id) ON DELETE CASCADE,
    FOREIGN KEY(first) REFERENCES method (id) ON DELETE CASCADE,
    FOREIGN KEY(second) REFERENCES method (id) ON DELETE CASCADE
);

CREATE INDEX ix_comparison_study ON comparison (study);

CREATE TABLE event (
    id SERIAL NOT NULL,
    study INTEGER NOT NULL,
    rater INTEGER,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    what VARCHAR NOT NULL,
    detail JSON NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(study) REFERENCES study (id) ON DELETE CASCADE,
    FOREIGN KEY(rater) REFERENCES rater (id) ON DELETE CASCADE
);

CREATE INDEX ix_event_rater ON event (rater);

CREATE INDEX ix_event_study ON event (study);

CREATE TABLE stimulus (
    id SERIAL NOT NULL,
    content INTEGER NOT NULL,
    method INTEGER,
    kind VARCHAR NOT NULL,
    height INTEGER NOT NULL,
    width INTEGER NOT NULL,
    png BYTEA NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(content) REFERENCES content (id) ON DELETE CASCADE,
    FOREIGN KEY(method) REFERENCES method (id) ON DELETE CASCADE
);

CREATE INDEX ix_stimulus_content ON stimulus (content);

CREATE TABLE item (
    id SERIAL NOT NULL,
    study INTEGER NOT NULL,
    content INTEGER NOT NULL,
    comparison INTEGER,
    first INTEGER NOT NULL,
    second INTEGER,
    kind VARCHAR NOT NULL,
    quota INTEGER NOT NULL,
    room INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    correct JSON,
    PRIMARY KEY (id),
    CONSTRAINT quota_kept CHECK (room >= 0),
    FOREIGN KEY(study) REFERENCES study (id) ON DELETE CASCADE,
    FOREIGN KEY(content) REFERENCES content (id) ON DELETE CASCADE,
    FOREIGN KEY(comparison) REFERENCES comparison (id) ON DELETE CASCADE,
    FOREIGN KEY(first) REFERENCES stimulus (id) ON DELETE CASCADE,
    FOREIGN KEY(second) REFERENCES stimulus (id) ON DELETE CASCADE
);

CREATE INDEX item_by_room ON item (study, kind, room DESC, rank);

CREATE INDEX item_of_comparison ON item (comparison, room DESC, rank);

CREATE TABLE assignment (
    id SERIAL NOT NULL,
    public_id VARCHAR NOT NULL,
    study INTEGER NOT NULL,
    rater INTEGER NOT NULL,
    item INTEGER NOT NULL,
    kind VARCHAR NOT NULL,
    repeat_of INTEGER,
    position INTEGER NOT NULL,
    swapped BOOLEAN NOT NULL,
    leased TIMESTAMP WITH TIME ZONE NOT NULL,
    expires TIMESTAMP WITH TIME ZONE NOT NULL,
    state VARCHAR NOT NULL,
    shown_count INTEGER NOT NULL,
    shown TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    UNIQUE (public_id),
    FOREIGN KEY(study) REFERENCES study (id) ON DELETE CASCADE,
    FOREIGN KEY(rater) REFERENCES rater (id) ON DELETE CASCADE,
    FOREIGN KEY(item) REFERENCES item (id) ON DELETE CASCADE,
    FOREIGN KEY(repeat_of) REFERENCES assignment (id) ON DELETE CASCADE
);

CREATE INDEX ix_assignment_item ON assignment (item);

CREATE INDEX ix_assignment_repeat_of ON assignment (repeat_of);

CREATE INDEX lease_ends ON assignment (study, state, expires);

CREATE UNIQUE INDEX never_twice ON assignment (rater, item) WHERE kind <> 'repeat';

CREATE TABLE judgement (
    id SERIAL NOT NULL,
    assignment INTEGER NOT NULL,
    key VARCHAR NOT NULL,
    answer VARCHAR NOT NULL,
    created TIMESTAMP WITH TIME ZONE NOT NULL,
    response_ms INTEGER,
    timer_broken BOOLEAN NOT NULL,
    reloads INTEGER NOT NULL,
    client JSON NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (assignment),
    FOREIGN KEY(assignment) REFERENCES assignment (id) ON DELETE CASCADE,
    UNIQUE (key)
);

CREATE TABLE serving (
    id VARCHAR NOT NULL,
    assignment INTEGER NOT NULL,
    slot VARCHAR NOT NULL,
    stimulus INTEGER NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(assignment) REFERENCES assignment (id) ON DELETE CASCADE,
    FOREIGN KEY(stimulus) REFERENCES stimulus (id) ON DELETE CASCADE
);

CREATE INDEX ix_serving_assignment ON serving (assignment);

CREATE TABLE revision (
    id SERIAL NOT NULL,
    judgement INTEGER NOT NULL,
    key VARCHAR NOT NULL,
    answer VARCHAR NOT NULL,
    created TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(judgement) REFERENCES judgement (id) ON DELETE CASCADE,
    UNIQUE (key)
);

CREATE INDEX ix_revision_judgement ON revision (judgement);

CREATE TABLE schema_version (
    number INTEGER NOT NULL
);
