-- An account that an operator closed: it cannot log in until it is opened again; name, messages and
-- memberships stay.
ALTER TABLE users ADD COLUMN IF NOT EXISTS disabled_at_us BIGINT UNSIGNED NULL;
