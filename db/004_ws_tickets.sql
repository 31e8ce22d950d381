-- What opens one WebSocket instead of the session's token (POST /api/ws-ticket), for at most half a
-- minute. Opening one deletes its row, so that no second socket can; the broker deletes those that
-- nobody used.
CREATE TABLE IF NOT EXISTS ws_tickets (
    ticket_hash   BINARY(32) NOT NULL,      -- SHA-256 of the ticket
    token_hash    BINARY(32) NOT NULL,      -- the session's; it may end before the ticket is used
    expires_at_us BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (ticket_hash),
    KEY expires (expires_at_us)             -- for the broker
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
