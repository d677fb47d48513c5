-- name: Enrolled :one
-- What a person has set up. Somebody who has left has nothing.
SELECT u.authenticator_id, u.second_factor_policy, u.has_backup_codes,
    EXISTS (SELECT 1 FROM user_phone_numbers p WHERE p.user_id = u.id AND p.verified_at IS NOT NULL AND p.ended_at IS NULL) AS has_phone,
    EXISTS (SELECT 1 FROM user_backup_codes b WHERE b.user_id = u.id AND b.used < @every_bit::bigint) AS has_unused_code
FROM users u WHERE u.id = @id AND u.ended_at IS NULL;

-- name: LockPerson :one
-- Changes of one account take turns. account is what the authenticator app
-- shows.
SELECT u.id, u.authenticator_id, u.has_backup_codes, CAST(COALESCE((SELECT e.email FROM user_email_addresses e WHERE e.id = u.primary_email_address_id), NULLIF(u.username, ''), CAST(u.id AS TEXT)) AS TEXT) AS account
FROM users u WHERE u.id = @id AND u.deployment_id = @deployment_id AND u.ended_at IS NULL FOR UPDATE;

-- name: DropNewAuthenticator :exec
DELETE FROM user_authenticators WHERE user_id = @user_id AND verified_at IS NULL AND ended_at IS NULL;

-- name: InsertAuthenticator :exec
INSERT INTO user_authenticators (id, deployment_id, user_id, secret, created_at)
VALUES (@id, @deployment_id, @user_id, @secret, @now);

-- name: TryAuthenticator :one
-- Counts the try before the codes are compared.
UPDATE user_authenticators SET tries = tries + 1
WHERE id = @id AND user_id = @user_id AND ended_at IS NULL
RETURNING *;

-- name: VerifyAuthenticator :one
-- No row when it is verified already, or gone.
UPDATE user_authenticators SET verified_at = @now, last_step = @step
WHERE id = @id AND user_id = @user_id AND verified_at IS NULL AND ended_at IS NULL
RETURNING id;

-- name: VerifiedAuthenticator :one
SELECT id, secret FROM user_authenticators WHERE user_id = @user_id AND verified_at IS NOT NULL AND ended_at IS NULL;

-- name: UseStep :one
-- No row when this step or a later one was used.
UPDATE user_authenticators SET last_step = @step
WHERE id = @id AND user_id = @user_id AND verified_at IS NOT NULL AND ended_at IS NULL AND last_step < @step
RETURNING id;

-- name: EndAuthenticator :one
-- No row when the person has no such authenticator. The secret is dropped.
UPDATE user_authenticators SET ended_at = @now, secret = NULL
WHERE id = @id AND user_id = @user_id AND ended_at IS NULL
RETURNING verified_at;

-- name: EndAuthenticators :exec
UPDATE user_authenticators SET ended_at = @now, secret = NULL WHERE user_id = @user_id AND ended_at IS NULL;

-- name: ShowAuthenticator :exec
-- On the person's own row, where it is read.
UPDATE users SET authenticator_id = @authenticator_id, authenticator_created_at = @authenticator_created_at, updated_at = @now WHERE id = @id;

-- name: ShowBackupCodes :exec
UPDATE users SET has_backup_codes = @has_backup_codes, updated_at = @now WHERE id = @id;

-- name: ResetPolicy :exec
UPDATE users SET second_factor_policy = 'none', updated_at = @now WHERE id = @id;

-- name: PutBackupCodes :exec
-- New codes replace the old ones.
INSERT INTO user_backup_codes (user_id, deployment_id, hashes, created_at)
VALUES (@user_id, @deployment_id, @hashes, @now)
ON CONFLICT (user_id) DO UPDATE SET hashes = excluded.hashes, used = 0, created_at = excluded.created_at;

-- name: BackupCodes :one
SELECT hashes FROM user_backup_codes WHERE user_id = @user_id;

-- name: UseBackupCode :one
-- No row when this code was used, or the codes were replaced.
UPDATE user_backup_codes SET used = used | @bit::bigint
WHERE user_id = @user_id AND hashes = @hashes AND (used & @bit::bigint) = 0
RETURNING used;

-- name: DropBackupCodes :exec
DELETE FROM user_backup_codes WHERE user_id = @user_id;

-- name: DemandsSecondFactor :one
-- Whether an organization or workspace that a person is in asks for one.
SELECT EXISTS (
    SELECT 1 FROM organization_memberships om JOIN organizations o ON o.id = om.organization_id
    WHERE om.user_id = @user_id AND om.ended_at IS NULL AND o.enforce_mfa AND @organizations::boolean
    UNION ALL
    SELECT 1 FROM workspace_memberships wm JOIN workspaces w ON w.id = wm.workspace_id
    WHERE wm.user_id = @user_id AND wm.ended_at IS NULL AND w.enforce_mfa AND @workspaces::boolean
);

-- name: FirstFactor :one
-- What a sign-in of a person began with.
SELECT method FROM signins WHERE id = @id AND user_id = @user_id;
