-- name: InsertReset :exec
INSERT INTO password_resets (id, deployment_id, session_id, user_id, email, created_at, expires_at)
VALUES (@id, @deployment_id, @session_id, @user_id, @email, @now, @expires_at);

-- name: NewestReset :one
-- The newest wish of a browser for an address, while its code can be entered.
SELECT id, user_id FROM password_resets
WHERE session_id = @session_id AND email = @email AND used_at IS NULL AND expires_at > @now
ORDER BY id DESC LIMIT 1;

-- name: PutResetToken :exec
UPDATE password_resets SET token_hash = @token_hash, token_expires_at = @token_expires_at WHERE id = @id;

-- name: ResetOfToken :one
-- No row unless the token works, in the browser that earned it.
SELECT id FROM password_resets
WHERE token_hash = @token_hash AND session_id = @session_id AND used_at IS NULL AND token_expires_at > @now;

-- name: UseReset :one
-- No row when another request used the token first.
UPDATE password_resets SET used_at = @now
WHERE id = @id AND used_at IS NULL AND token_expires_at > @now
RETURNING user_id, email;

-- name: DeleteResets :exec
DELETE FROM password_resets WHERE id < @before;
