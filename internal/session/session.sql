-- name: FindCaller :one
-- Who holds a token, and what they may do in the tenant that the request
-- names, in one read. A rotated token sees only the sign-ins from before. The
-- networks of a tenant that restricts no addresses are empty.
SELECT s.id, s.created_at, s.updated_at, s.attempts_end_at, t.rotated_at,
    i.id AS signin_id, i.created_at AS signed_in_at, i.last_active_at, CAST(COALESCE(i.restricted_to, '') AS TEXT) AS restricted_to,
    CAST(COALESCE(i.second_factor, '') AS TEXT) AS second_factor, u.id AS user_id, u.disabled_at,
    om.organization_id AS member_organization_id, om.id AS organization_membership_id,
    CAST(COALESCE((SELECT string_agg(r.permissions, ' ') FROM organization_membership_roles mr JOIN organization_roles r ON r.id = mr.role_id
        WHERE mr.membership_id = om.id AND r.ended_at IS NULL), '') AS TEXT) AS organization_permissions,
    CAST(CASE WHEN o.enable_ip_restriction THEN o.whitelisted_ips ELSE '' END AS TEXT) AS organization_networks,
    CAST(COALESCE(o.enforce_mfa, FALSE) AS BOOLEAN) AS organization_enforce_mfa,
    w.id AS member_workspace_id, wm.id AS workspace_membership_id,
    CAST(COALESCE((SELECT string_agg(r.permissions, ' ') FROM workspace_membership_roles mr JOIN workspace_roles r ON r.id = mr.role_id
        WHERE mr.membership_id = wm.id AND r.ended_at IS NULL), '') AS TEXT) AS workspace_permissions,
    CAST(CASE WHEN w.enable_ip_restriction THEN w.whitelisted_ips ELSE '' END AS TEXT) AS workspace_networks,
    CAST(COALESCE(w.enforce_mfa, FALSE) AS BOOLEAN) AS workspace_enforce_mfa
FROM session_tokens t
JOIN sessions s ON s.id = t.session_id
LEFT JOIN signins i ON i.id = s.active_signin_id AND i.ended_at IS NULL AND i.expires_at > @now AND i.last_active_at > @active_since
    AND (t.rotated_at IS NULL OR i.created_at < t.rotated_at)
LEFT JOIN users u ON u.id = i.user_id AND u.ended_at IS NULL
LEFT JOIN workspaces w ON w.id = @workspace_id AND w.ended_at IS NULL
LEFT JOIN organization_memberships om ON om.organization_id = COALESCE(w.organization_id, @organization_id) AND om.user_id = u.id AND om.ended_at IS NULL
LEFT JOIN organizations o ON o.id = om.organization_id
LEFT JOIN workspace_memberships wm ON wm.workspace_id = w.id AND wm.user_id = u.id AND wm.ended_at IS NULL
WHERE t.hash = @hash AND t.expires_at > @now AND s.deployment_id = @deployment_id;

-- name: InsertSession :exec
INSERT INTO sessions (id, deployment_id, created_at, updated_at) VALUES (@id, @deployment_id, @now, @now);

-- name: InsertToken :exec
INSERT INTO session_tokens (hash, session_id, created_at, expires_at) VALUES (@hash, @session_id, @now, @expires_at);

-- name: HoldToken :one
-- Whoever else is about to give the session another token waits. No row when
-- the token is dead.
SELECT rotated_at FROM session_tokens WHERE hash = @hash AND expires_at > @now FOR UPDATE;

-- name: RotateTokens :exec
-- Also what another node has replaced whose clock is ahead: no replaced token
-- may see what begins now.
UPDATE session_tokens SET rotated_at = @now, expires_at = @expires_at
WHERE session_id = @session_id AND (rotated_at IS NULL OR rotated_at > @now) AND session_tokens.expires_at > @now;

-- name: HasNewerToken :one
-- Of a token that works no more: whether its session has one since a time.
SELECT EXISTS (
    SELECT 1 FROM session_tokens dead
    JOIN sessions s ON s.id = dead.session_id
    JOIN session_tokens newer ON newer.session_id = dead.session_id
    WHERE dead.hash = @hash AND s.deployment_id = @deployment_id
        AND newer.hash <> dead.hash AND newer.created_at > @since AND newer.expires_at > @now
);

-- name: DeleteExpiredTokens :exec
DELETE FROM session_tokens WHERE expires_at < @before;

-- name: DeadSessions :many
-- Nobody can come back to them, and they do not tell where a person last was.
SELECT s.id FROM sessions s
WHERE s.id > @after::bigint AND NOT EXISTS (SELECT 1 FROM session_tokens t WHERE t.session_id = s.id)
    AND NOT EXISTS (
        SELECT 1 FROM signins i
        WHERE i.session_id = s.id AND NOT EXISTS (SELECT 1 FROM signins newer WHERE newer.user_id = i.user_id AND newer.id > i.id)
    )
ORDER BY s.id LIMIT @most;

-- name: DeleteSessions :exec
-- With their sign-ins and attempts.
DELETE FROM sessions WHERE id = ANY(@ids::bigint[]);

-- name: LiveSignIns :many
-- The sign-ins of a browser from before a moment, the oldest first.
SELECT sqlc.embed(i), om.organization_id AS active_organization_id, wm.workspace_id AS active_workspace_id
FROM signins i
LEFT JOIN organization_memberships om ON om.id = i.active_organization_membership_id AND om.ended_at IS NULL
LEFT JOIN workspace_memberships wm ON wm.id = i.active_workspace_membership_id AND wm.ended_at IS NULL
WHERE i.session_id = @session_id AND i.ended_at IS NULL AND i.expires_at > @now AND i.last_active_at > @active_since
    AND i.created_at < @before
ORDER BY i.id;

-- name: OrganizationRolesOfMemberships :many
SELECT mr.membership_id, r.id, r.name, r.permissions
FROM organization_membership_roles mr JOIN organization_roles r ON r.id = mr.role_id
WHERE mr.membership_id = ANY(@ids::bigint[]) AND r.ended_at IS NULL ORDER BY r.id;

-- name: WorkspaceRolesOfMemberships :many
SELECT mr.membership_id, r.id, r.name, r.permissions
FROM workspace_membership_roles mr JOIN workspace_roles r ON r.id = mr.role_id
WHERE mr.membership_id = ANY(@ids::bigint[]) AND r.ended_at IS NULL ORDER BY r.id;

-- name: InsertSignIn :exec
INSERT INTO signins (id, deployment_id, session_id, user_id, method, active_organization_membership_id, active_workspace_membership_id,
    ip_address, user_agent, browser, device, city, region, region_code, country, country_code, expires_at, last_active_at, created_at, updated_at)
VALUES (@id, @deployment_id, @session_id, @user_id, @method, @active_organization_membership_id, @active_workspace_membership_id,
    @ip_address, @user_agent, @browser, @device, @city, @region, @region_code, @country, @country_code, @expires_at, @now, @now, @now);

-- name: EndSignIns :many
-- The one, or every one of the session, from before a moment.
UPDATE signins SET ended_at = @now, updated_at = @now
WHERE session_id = @session_id AND (id = @signin_id OR @every::boolean) AND ended_at IS NULL AND created_at < @before
RETURNING id, user_id;

-- name: LockPerson :exec
-- The sign-ins of a person take turns, so that each counts the others.
SELECT id FROM users WHERE id = @id FOR UPDATE;

-- name: EndOldestSignIns :many
-- Of a person in other browsers, all but the newest.
UPDATE signins SET ended_at = @now, updated_at = @now
WHERE signins.user_id = @user_id AND signins.session_id <> @session_id AND signins.ended_at IS NULL AND signins.id <= (
    SELECT i.id FROM signins i
    WHERE i.user_id = @user_id AND i.session_id <> @session_id AND i.ended_at IS NULL
        AND i.expires_at > @now AND i.last_active_at > @active_since
    ORDER BY i.id DESC LIMIT 1 OFFSET @kept::bigint)
RETURNING id, session_id, user_id;

-- name: HasSignedIn :one
-- Whether a person is, or once was, signed in to a browser.
SELECT EXISTS (SELECT 1 FROM signins WHERE session_id = @session_id AND user_id = @user_id);

-- name: EndSignInOfUser :exec
UPDATE signins SET ended_at = @now, updated_at = @now
WHERE session_id = @session_id AND user_id = @user_id AND ended_at IS NULL;

-- name: SetActiveSignIn :exec
UPDATE sessions SET active_signin_id = @active_signin_id, updated_at = @now WHERE id = @id;

-- name: ClearActiveSignIn :exec
-- The active sign-in may be one that has just ended.
UPDATE sessions SET active_signin_id = NULL, updated_at = @now
WHERE sessions.id = @id AND NOT EXISTS (SELECT 1 FROM signins i WHERE i.id = sessions.active_signin_id AND i.ended_at IS NULL);

-- name: TouchSignIn :exec
UPDATE signins SET last_active_at = @now WHERE id = @id AND ended_at IS NULL;

-- name: Activate :exec
UPDATE signins SET active_organization_membership_id = @active_organization_membership_id,
    active_workspace_membership_id = @active_workspace_membership_id, updated_at = @now
WHERE id = @id AND ended_at IS NULL;

-- name: LeaveOrganization :exec
UPDATE signins SET active_organization_membership_id = NULL, active_workspace_membership_id = NULL, updated_at = @now
WHERE active_organization_membership_id = @membership_id AND ended_at IS NULL;

-- name: LeaveWorkspace :exec
UPDATE signins SET active_workspace_membership_id = NULL, updated_at = @now
WHERE active_workspace_membership_id = @membership_id AND ended_at IS NULL;

-- name: MembershipIn :one
-- A person's membership, and what the organization demands.
SELECT om.id, CAST(CASE WHEN o.enable_ip_restriction THEN o.whitelisted_ips ELSE '' END AS TEXT) AS networks, o.enforce_mfa
FROM organization_memberships om JOIN organizations o ON o.id = om.organization_id
WHERE om.organization_id = @organization_id AND om.user_id = @user_id AND om.ended_at IS NULL;

-- name: WorkspaceMembershipIn :one
-- A person's membership, and what the workspace and its organization demand.
SELECT wm.id, wm.organization_membership_id,
    CAST(CASE WHEN o.enable_ip_restriction THEN o.whitelisted_ips ELSE '' END AS TEXT) AS organization_networks,
    o.enforce_mfa AS organization_enforce_mfa,
    CAST(CASE WHEN w.enable_ip_restriction THEN w.whitelisted_ips ELSE '' END AS TEXT) AS workspace_networks,
    w.enforce_mfa AS workspace_enforce_mfa
FROM workspace_memberships wm
JOIN workspaces w ON w.id = wm.workspace_id
JOIN organizations o ON o.id = wm.organization_id
WHERE wm.workspace_id = @workspace_id AND wm.user_id = @user_id AND wm.ended_at IS NULL;

-- name: LastTenant :one
-- Where a person last was, so that a new sign-in starts there.
SELECT active_organization_membership_id, active_workspace_membership_id FROM signins
WHERE user_id = @user_id ORDER BY id DESC LIMIT 1;

-- name: SignInAttempts :many
SELECT * FROM signin_attempts
WHERE session_id = @session_id AND (id = @including OR completed_at IS NULL AND expires_at > @now) ORDER BY updated_at, id;

-- name: SignUpAttempts :many
SELECT * FROM signup_attempts
WHERE session_id = @session_id AND (id = @including OR completed_at IS NULL AND expires_at > @now) ORDER BY updated_at, id;

-- name: ExtendAttempts :exec
UPDATE sessions SET attempts_end_at = @attempts_end_at, updated_at = @now WHERE id = @id;

-- name: DeactivateWorkspace :exec
UPDATE signins SET active_workspace_membership_id = NULL, updated_at = @now WHERE id = @id AND ended_at IS NULL;

-- name: TokenClaims :one
-- What a token says about where a sign-in is active, and what is demanded
-- there.
SELECT i.expires_at, om.organization_id, wm.workspace_id,
    CAST(COALESCE((SELECT string_agg(r.permissions, ' ') FROM organization_membership_roles mr JOIN organization_roles r ON r.id = mr.role_id
        WHERE mr.membership_id = om.id AND r.ended_at IS NULL), '') AS TEXT) AS organization_permissions,
    CAST(COALESCE((SELECT string_agg(r.permissions, ' ') FROM workspace_membership_roles mr JOIN workspace_roles r ON r.id = mr.role_id
        WHERE mr.membership_id = wm.id AND r.ended_at IS NULL), '') AS TEXT) AS workspace_permissions,
    CAST(CASE WHEN o.enable_ip_restriction THEN o.whitelisted_ips ELSE '' END AS TEXT) AS organization_networks,
    CAST(COALESCE(o.enforce_mfa, FALSE) AS BOOLEAN) AS organization_enforce_mfa,
    CAST(CASE WHEN w.enable_ip_restriction THEN w.whitelisted_ips ELSE '' END AS TEXT) AS workspace_networks,
    CAST(COALESCE(w.enforce_mfa, FALSE) AS BOOLEAN) AS workspace_enforce_mfa
FROM signins i
LEFT JOIN organization_memberships om ON om.id = i.active_organization_membership_id AND om.ended_at IS NULL
LEFT JOIN organizations o ON o.id = om.organization_id
LEFT JOIN workspace_memberships wm ON wm.id = i.active_workspace_membership_id AND wm.ended_at IS NULL
LEFT JOIN workspaces w ON w.id = wm.workspace_id
WHERE i.id = @id AND i.ended_at IS NULL;

-- name: TemplateFacts :one
-- What templates may say about a person, and about where they are a member.
SELECT u.first_name, u.last_name, u.username, u.public_metadata, CAST(COALESCE(e.email, '') AS TEXT) AS email,
    om.id AS organization_membership_id, CAST(COALESCE(o.name, '') AS TEXT) AS organization_name,
    CAST(COALESCE(o.public_metadata, '{}') AS TEXT) AS organization_metadata,
    wm.id AS workspace_membership_id, CAST(COALESCE(w.name, '') AS TEXT) AS workspace_name,
    CAST(COALESCE(w.public_metadata, '{}') AS TEXT) AS workspace_metadata
FROM users u
LEFT JOIN user_email_addresses e ON e.id = u.primary_email_address_id AND e.verified_at IS NOT NULL AND e.ended_at IS NULL
LEFT JOIN organizations o ON o.id = @organization_id AND o.ended_at IS NULL
LEFT JOIN organization_memberships om ON om.organization_id = o.id AND om.user_id = u.id AND om.ended_at IS NULL
LEFT JOIN workspaces w ON w.id = @workspace_id AND w.ended_at IS NULL
LEFT JOIN workspace_memberships wm ON wm.workspace_id = w.id AND wm.user_id = u.id AND wm.ended_at IS NULL
WHERE u.id = @user_id AND u.ended_at IS NULL;

-- name: LiveSignInsOfUser :many
-- The sign-ins of a person in all browsers, the newest first.
SELECT sqlc.embed(i), om.organization_id AS active_organization_id, wm.workspace_id AS active_workspace_id
FROM signins i
LEFT JOIN organization_memberships om ON om.id = i.active_organization_membership_id AND om.ended_at IS NULL
LEFT JOIN workspace_memberships wm ON wm.id = i.active_workspace_membership_id AND wm.ended_at IS NULL
WHERE i.user_id = @user_id AND i.ended_at IS NULL AND i.expires_at > @now AND i.last_active_at > @active_since
ORDER BY i.id DESC
LIMIT @most::bigint;

-- name: EndSignInsOfUser :many
-- The one, or every one but the spared.
UPDATE signins SET ended_at = @now, updated_at = @now
WHERE user_id = @user_id AND ended_at IS NULL AND (id = @signin_id OR @every::boolean AND id <> @spared::bigint)
RETURNING id, session_id;

-- name: ForgetActiveSignIns :exec
UPDATE sessions SET active_signin_id = NULL, updated_at = @now
WHERE id = ANY(@sessions::bigint[]) AND active_signin_id = ANY(@signins::bigint[]);

-- name: ExpireTokensOf :exec
-- The tokens of browsers in which nobody is signed in any more. Their end is
-- before now by every node's clock.
UPDATE session_tokens SET expires_at = 0
WHERE session_id = ANY(@sessions::bigint[]) AND session_tokens.expires_at > @now
    AND NOT EXISTS (SELECT 1 FROM signins i WHERE i.session_id = session_tokens.session_id AND i.ended_at IS NULL);

-- name: ExpireTokens :exec
UPDATE session_tokens SET expires_at = 0 WHERE session_id = @session_id AND expires_at > @now;

-- name: RestrictSignIn :exec
UPDATE signins SET restricted_to = 'enrolment', updated_at = @now WHERE id = @id AND ended_at IS NULL;

-- name: NoteSecondFactor :one
-- With a second factor nothing is held back any more. What the sign-in began
-- with is no second factor. No row when nothing changes.
UPDATE signins SET second_factor = @second_factor, restricted_to = '', updated_at = @now
WHERE id = @id AND user_id = @user_id AND method <> @second_factor AND second_factor = '' AND ended_at IS NULL
RETURNING id;

-- name: ForgetSecondFactor :exec
UPDATE signins SET second_factor = '', updated_at = @now
WHERE user_id = @user_id AND second_factor <> '' AND ended_at IS NULL;

-- name: EndAttemptsOfUser :exec
-- What was begun with an earlier secret cannot be completed, not even by a
-- transaction that began before this one, or by a slower clock.
UPDATE signin_attempts SET expires_at = 0, updated_at = @now
WHERE user_id = @user_id AND completed_at IS NULL AND expires_at > @now;

-- name: EndResetsOfUser :exec
-- Nor can what was begun to replace it.
UPDATE password_resets SET used_at = @now WHERE user_id = @user_id AND used_at IS NULL;

-- name: RestrictedSignIns :many
-- The sign-ins of a person that wait for a second factor, but for the spared.
SELECT id FROM signins
WHERE user_id = @user_id AND id <> @spared::bigint AND restricted_to <> '' AND ended_at IS NULL;
