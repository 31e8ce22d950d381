-- The first schema. Times are microseconds since 1970 UTC (…_us), so that no time zone can bend
-- them. There are no foreign keys on the log: the broker is its only writer, and each costs a
-- lookup for every row (docs/DATABASE.md has the figures).
--
-- Every statement may run again: MariaDB commits DDL by itself, so a server that dies in the middle
-- leaves a part behind, and the next broker to start runs the whole file once more.

-- One row a fact about the whole log.
CREATE TABLE IF NOT EXISTS meta (
    name  VARCHAR(64) NOT NULL PRIMARY KEY,
    value BIGINT UNSIGNED NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- epoch: random; a restored backup gets a new one, so that no old seq is trusted against it.
INSERT IGNORE INTO meta (name, value) VALUES ('epoch', FLOOR(RAND() * 4503599627370495) + 1);

-- Names and addresses are unique whatever their letter case; accents count. All three are NULL once
-- the account is deleted: both names are free again and the row keeps only its id.
CREATE TABLE IF NOT EXISTS users (
    id            BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    username      VARCHAR(64) COLLATE utf8mb4_uca1400_nopad_as_ci NULL,
    email         VARCHAR(254) COLLATE utf8mb4_uca1400_nopad_as_ci NULL,
    password_hash VARCHAR(159) CHARACTER SET ascii COLLATE ascii_bin NULL,
    created_at_us BIGINT UNSIGNED NOT NULL,
    deleted_at_us BIGINT UNSIGNED NULL,
    UNIQUE KEY username (username),
    UNIQUE KEY email (email),
    -- the broker's sweep for memberships of deleted accounts
    KEY deleted (deleted_at_us)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- A login. Only the SHA-256 of the token is here.
CREATE TABLE IF NOT EXISTS sessions (
    token_hash    BINARY(32) NOT NULL PRIMARY KEY,
    user_id       BIGINT UNSIGNED NOT NULL,
    created_at_us BIGINT UNSIGNED NOT NULL,
    expires_at_us BIGINT UNSIGNED NOT NULL,
    KEY user (user_id),
    KEY expires (expires_at_us)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- create_key is the dedupe key of the command that made the room: a repeat finds the room.
CREATE TABLE IF NOT EXISTS rooms (
    id            BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name          VARCHAR(100) NOT NULL,
    creator_id    BIGINT UNSIGNED NOT NULL,
    member_count  BIGINT UNSIGNED NOT NULL,
    create_key    BINARY(16) NOT NULL,
    created_at_us BIGINT UNSIGNED NOT NULL,
    -- a removed room is gone for everyone at once; its log is deleted in pieces, and the row last
    removed_at_us BIGINT UNSIGNED NULL,
    UNIQUE KEY create_key (create_key),
    KEY removed (removed_at_us)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- joined_seq is the seq of the event that made the member: the order of joining.
CREATE TABLE IF NOT EXISTS room_members (
    room_id       BIGINT UNSIGNED NOT NULL,
    user_id       BIGINT UNSIGNED NOT NULL,
    joined_seq    BIGINT UNSIGNED NOT NULL,
    last_read_seq BIGINT UNSIGNED NOT NULL DEFAULT 0,
    PRIMARY KEY (room_id, user_id),
    UNIQUE KEY joining (room_id, joined_seq),
    KEY user (user_id, room_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The log. The primary key is the fence: no two brokers can both write one seq. dedupe is what
-- makes a repeated command harmless, for ever. kind is enum event_kind of bus_proto.h; actor_id is
-- the sender of a message or the user whom the event concerns; body is a message's text or the
-- room's name.
CREATE TABLE IF NOT EXISTS events (
    room_id       BIGINT UNSIGNED NOT NULL,
    seq           BIGINT UNSIGNED NOT NULL,
    kind          TINYINT UNSIGNED NOT NULL,
    actor_id      BIGINT UNSIGNED NOT NULL,
    created_at_us BIGINT UNSIGNED NOT NULL,
    dedupe_key    BINARY(16) NOT NULL,
    body          TEXT NULL,
    PRIMARY KEY (room_id, seq),
    UNIQUE KEY dedupe (room_id, dedupe_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Who writes which shard of rooms. A lease keeps two brokers from getting in each other's way; what
-- keeps the log right is its primary key.
CREATE TABLE IF NOT EXISTS broker_leases (
    shard         SMALLINT UNSIGNED NOT NULL PRIMARY KEY,
    owner         BIGINT UNSIGNED NOT NULL,
    epoch         BIGINT UNSIGNED NOT NULL,
    expires_at    DATETIME(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
