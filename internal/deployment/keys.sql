-- name: SigningKeys :many
-- The keys that are published, newest first.
SELECT id, kid, public_key, private_key, active_from FROM signing_keys
WHERE deployment_id = @deployment_id AND retired_at IS NULL
ORDER BY active_from DESC;

-- name: InsertSigningKey :exec
INSERT INTO signing_keys (id, deployment_id, kid, public_key, private_key, created_at, active_from)
VALUES (@id, @deployment_id, @kid, @public_key, @private_key, @now, @active_from);

-- name: RetireSigningKey :exec
UPDATE signing_keys SET retired_at = @now WHERE id = @id AND deployment_id = @deployment_id;
