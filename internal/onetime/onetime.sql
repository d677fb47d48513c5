-- name: PutCode :exec
-- A newer code replaces the older one, with its tries.
INSERT INTO one_time_codes (purpose, subject_id, deployment_id, address, code_hash, created_at, expires_at)
VALUES (@purpose, @subject_id, @deployment_id, @address, @code_hash, @now, @expires_at)
ON CONFLICT (purpose, subject_id) DO UPDATE SET address = excluded.address, code_hash = excluded.code_hash, tries = 0,
    created_at = excluded.created_at, expires_at = excluded.expires_at, used_at = NULL;

-- name: TryCode :one
-- Counts the try before the code is compared. No row without a live code, or
-- after the last try.
UPDATE one_time_codes SET tries = tries + 1
WHERE purpose = @purpose AND subject_id = @subject_id AND used_at IS NULL AND tries < @most
RETURNING code_hash, address, expires_at;

-- name: UseCode :one
-- No row when another request used it first.
UPDATE one_time_codes SET used_at = @now WHERE purpose = @purpose AND subject_id = @subject_id AND used_at IS NULL
RETURNING subject_id;

-- name: DeleteExpiredCodes :exec
DELETE FROM one_time_codes WHERE expires_at < @before;
