-- One text for both databases. `BYTEA` is `BLOB` in SQLite. Times are milliseconds since 1970, flags 0 or 1.
-- Columns beside a `sealed` flag that is 1 are sealed once more under DIALTONE_CHANNEL_KEY.

CREATE TABLE server (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    server_id BYTEA,
    store_id BYTEA,
    -- The last number given to a profile, an envelope or a name: what clients read on from.
    counter BIGINT NOT NULL,
    -- The last number given to a device or a channel: the order they are listed in.
    places BIGINT NOT NULL,
    head_index BIGINT,
    head_hash BYTEA,
    -- Shows whether the channel key is the one that rows were sealed under.
    key_check BYTEA
);
INSERT INTO server (id, counter, places) VALUES (1, 0, 0);

CREATE TABLE invites (
    token_hash BYTEA PRIMARY KEY,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used BIGINT NOT NULL
);

CREATE TABLE users (
    id BYTEA PRIMARY KEY,
    username_hash BYTEA NOT NULL UNIQUE,
    password_hash TEXT,
    is_admin BIGINT NOT NULL,
    is_trusted BIGINT NOT NULL
);

CREATE TABLE devices (
    id BYTEA PRIMARY KEY,
    place BIGINT NOT NULL,
    user_id BYTEA NOT NULL,
    public_key BYTEA NOT NULL,
    signing_key BYTEA,
    created_at BIGINT NOT NULL
);
CREATE INDEX devices_of_user ON devices (user_id, place);

CREATE TABLE sessions (
    token_hash BYTEA PRIMARY KEY,
    id BYTEA NOT NULL,
    user_id BYTEA NOT NULL,
    device_id BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_of_user ON sessions (user_id, created_at);
CREATE INDEX sessions_of_device ON sessions (device_id);

CREATE TABLE profiles (
    user_id BYTEA PRIMARY KEY,
    place BIGINT NOT NULL,
    name_enc BYTEA NOT NULL,
    sealed BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Every channel. One of the log has a group (empty for everybody's), an original one has none.
CREATE TABLE channels (
    id BYTEA PRIMARY KEY,
    place BIGINT NOT NULL,
    group_id BYTEA,
    name_enc BYTEA,
    sealed BIGINT NOT NULL,
    created_by BYTEA,
    created_at BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    transcript BYTEA NOT NULL
);

CREATE TABLE messages (
    channel_id BYTEA NOT NULL,
    seq BIGINT NOT NULL,
    id BYTEA NOT NULL,
    sender BYTEA NOT NULL,
    device BYTEA NOT NULL,
    client_id BYTEA NOT NULL,
    sender_name_enc BYTEA NOT NULL,
    body BYTEA NOT NULL,
    sealed BIGINT NOT NULL,
    sent_at BIGINT NOT NULL,
    -- What the channel's transcript was before this message.
    transcript BYTEA NOT NULL,
    PRIMARY KEY (channel_id, seq)
);
CREATE UNIQUE INDEX messages_once ON messages (channel_id, device, client_id);

CREATE TABLE key_envelopes (
    -- Empty for the directory.
    channel_id BYTEA NOT NULL,
    device_id BYTEA NOT NULL,
    sender BYTEA NOT NULL,
    place BIGINT NOT NULL,
    envelope TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (channel_id, device_id, sender)
);

CREATE TABLE chain (
    place BIGINT PRIMARY KEY,
    entry BYTEA NOT NULL
);

CREATE TABLE open_epochs (
    group_id BYTEA PRIMARY KEY,
    epoch BIGINT NOT NULL
);

CREATE TABLE envelopes (
    cursor BIGINT PRIMARY KEY,
    recipient BYTEA NOT NULL,
    poster BYTEA NOT NULL,
    bytes BYTEA NOT NULL
);
CREATE INDEX envelopes_of_recipient ON envelopes (recipient, cursor);

CREATE TABLE envelope_keys (
    recipient BYTEA NOT NULL,
    group_id BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    poster BYTEA NOT NULL,
    cursor BIGINT NOT NULL,
    PRIMARY KEY (recipient, group_id, epoch, poster)
);
CREATE INDEX envelope_keys_of_group ON envelope_keys (group_id, epoch);
CREATE INDEX envelope_keys_of_envelope ON envelope_keys (cursor);

CREATE TABLE names (
    -- A byte for the kind and an id.
    subject BYTEA NOT NULL,
    poster BYTEA NOT NULL,
    cursor BIGINT NOT NULL,
    group_id BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (subject, poster)
);
CREATE INDEX names_in_order ON names (cursor);

CREATE TABLE pending (
    user_id BYTEA PRIMARY KEY,
    device_id BYTEA NOT NULL,
    record BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE pending_names (
    user_id BYTEA NOT NULL,
    device_id BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (user_id, device_id)
);
