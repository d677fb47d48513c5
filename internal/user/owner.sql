-- name: OwnerOfUsername :one
SELECT id, password_hash, disabled_at FROM users
WHERE deployment_id = @deployment_id AND username_key = @username_key AND ended_at IS NULL;

-- name: ReplacePassword :one
-- No row when the person has left meanwhile.
UPDATE users SET password_hash = @password_hash, updated_at = @now WHERE id = @id AND ended_at IS NULL
RETURNING id;
