-- name: PutLink :exec
-- A newer link replaces the older one of the attempt.
INSERT INTO magic_links (signin_attempt_id, hash, created_at, expires_at)
VALUES (@signin_attempt_id, @hash, @now, @expires_at)
ON CONFLICT (signin_attempt_id) DO UPDATE SET hash = excluded.hash, created_at = excluded.created_at,
    expires_at = excluded.expires_at, used_at = NULL;

-- name: UseLink :one
-- No row when the link has expired, was replaced, or another request used it
-- first.
UPDATE magic_links SET used_at = @now
WHERE hash = @hash AND used_at IS NULL AND expires_at > @now
RETURNING signin_attempt_id;

-- name: AttemptOfLink :one
-- In whatever browser the attempt began.
SELECT * FROM signin_attempts
WHERE id = @id AND deployment_id = @deployment_id AND completed_at IS NULL AND expires_at > @now;

-- name: EndSignInAttempt :exec
-- What it was for has happened in another browser.
UPDATE signin_attempts SET expires_at = @now, updated_at = @now WHERE id = @id AND completed_at IS NULL;
