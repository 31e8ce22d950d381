-- Which account an imported one became ("banterctl import-original"), so that an import that was cut
-- off goes on where it was, and a second one finds that it is done. source tells several originals
-- apart; original_id is the id there.
CREATE TABLE IF NOT EXISTS imported_users (
    source      VARCHAR(64) NOT NULL,
    original_id BIGINT UNSIGNED NOT NULL,
    user_id     BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (source, original_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
