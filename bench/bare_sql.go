package main

// The server's statements as SQLite takes them, without what these requests do
// not need.
const (
	findCaller = `
SELECT s.id, s.created_at, s.updated_at, s.attempts_end_at, t.rotated_at,
    i.id AS signin_id, i.last_active_at, u.id AS user_id, u.disabled_at,
    om.organization_id AS member_organization_id, om.id AS organization_membership_id,
    CAST(COALESCE((SELECT string_agg(r.permissions, ' ') FROM organization_membership_roles mr JOIN organization_roles r ON r.id = mr.role_id
        WHERE mr.membership_id = om.id AND r.ended_at IS NULL), '') AS TEXT) AS organization_permissions,
    w.id AS member_workspace_id, wm.id AS workspace_membership_id,
    CAST(COALESCE((SELECT string_agg(r.permissions, ' ') FROM workspace_membership_roles mr JOIN workspace_roles r ON r.id = mr.role_id
        WHERE mr.membership_id = wm.id AND r.ended_at IS NULL), '') AS TEXT) AS workspace_permissions
FROM session_tokens t
JOIN sessions s ON s.id = t.session_id
LEFT JOIN signins i ON i.id = s.active_signin_id AND i.ended_at IS NULL AND i.expires_at > ?1 AND i.last_active_at > ?2
    AND (t.rotated_at IS NULL OR i.created_at < t.rotated_at)
LEFT JOIN users u ON u.id = i.user_id AND u.ended_at IS NULL
LEFT JOIN workspaces w ON w.id = ?3 AND w.ended_at IS NULL
LEFT JOIN organization_memberships om ON om.organization_id = COALESCE(w.organization_id, ?4) AND om.user_id = u.id AND om.ended_at IS NULL
LEFT JOIN workspace_memberships wm ON wm.workspace_id = w.id AND wm.user_id = u.id AND wm.ended_at IS NULL
WHERE t.hash = ?5 AND t.expires_at > ?1 AND s.deployment_id = ?6`

	pendingInvitations = `
SELECT id, deployment_id, organization_id, email, typed, role_id, workspace_id, workspace_role_id, inviter_id, status, generation, needs_approval_at, expires_at, created_at, updated_at, ended_at, ended_by FROM organization_invitations
WHERE organization_id = ?1 AND status = 'pending' AND id < ?2
    AND (workspace_id = ?3 OR ?3 IS NULL)
ORDER BY id DESC LIMIT ?4`

	invitersOf = `
SELECT m.user_id, m.id AS membership_id, r.role_id FROM organization_memberships m
LEFT JOIN organization_membership_roles r ON r.membership_id = m.id
WHERE m.organization_id = ?1 AND m.user_id IN (SELECT value FROM json_each(?2)) AND m.ended_at IS NULL
ORDER BY m.id, r.role_id`

	rolesByID = `
SELECT id, deployment_id, organization_id, name, name_key, permissions, created_at, updated_at, ended_at FROM organization_roles
WHERE id IN (SELECT value FROM json_each(?1))`

	usersByID = `
SELECT users.id, users.deployment_id, users.first_name, users.last_name, users.username, users.username_key, users.search, users.availability, users.password_hash, users.second_factor_policy, users.profile_picture_url, users.primary_email_address_id, users.primary_phone_number_id, users.public_metadata, users.private_metadata, users.created_at, users.updated_at, users.disabled_at, users.ended_at, e.email AS primary_email, e.verified_at AS primary_verified_at,
    e.verification_strategy AS primary_strategy, e.created_at AS primary_created_at, e.updated_at AS primary_updated_at
FROM users LEFT JOIN user_email_addresses e ON e.id = users.primary_email_address_id
WHERE users.id IN (SELECT value FROM json_each(?1))`

	addressesOf = `
SELECT id, deployment_id, user_id, email, typed, verified_at, verification_strategy, created_at, updated_at, ended_at FROM user_email_addresses
WHERE user_id IN (SELECT value FROM json_each(?1)) AND ended_at IS NULL
ORDER BY id`

	liveSignIns = `
SELECT i.id, i.deployment_id, i.session_id, i.user_id, i.method, i.second_factor, i.active_organization_membership_id, i.active_workspace_membership_id, i.ip_address, i.user_agent, i.browser, i.device, i.city, i.region, i.region_code, i.country, i.country_code, i.expires_at, i.last_active_at, i.created_at, i.updated_at, i.ended_at, om.organization_id AS active_organization_id, wm.workspace_id AS active_workspace_id
FROM signins i
LEFT JOIN organization_memberships om ON om.id = i.active_organization_membership_id AND om.ended_at IS NULL
LEFT JOIN workspace_memberships wm ON wm.id = i.active_workspace_membership_id AND wm.ended_at IS NULL
WHERE i.session_id = ?1 AND i.ended_at IS NULL AND i.expires_at > ?2 AND i.last_active_at > ?3
ORDER BY i.id`

	rolesOfMemberships = `
SELECT mr.membership_id, r.id, r.name, r.permissions
FROM organization_membership_roles mr JOIN organization_roles r ON r.id = mr.role_id
WHERE mr.membership_id IN (SELECT value FROM json_each(?1)) AND r.ended_at IS NULL ORDER BY r.id`
)

// What creating and accepting an invitation has to write.
const (
	insertInvitation = `
INSERT INTO organization_invitations (id, deployment_id, organization_id, email, typed, role_id, inviter_id, status, expires_at, created_at, updated_at)
SELECT ?1, ?2, ?3, ?4, ?4, id, ?5, 'pending', ?6, ?7, ?7 FROM organization_roles WHERE deployment_id = ?2 AND organization_id IS NULL AND name_key = 'member'`

	insertMail = `
INSERT INTO mails (id, deployment_id, kind, recipient, subject_id, code, content, status, created_at, due_at)
VALUES (?1, ?2, 'invitation', ?3, ?4, FALSE, ?5, 'sent', ?6, NULL)`

	insertEvent = `
INSERT INTO events (id, deployment_id, organization_id, actor_id, session_id, name, subject_id, data, ip_address, user_agent, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, '127.0.0.1', ?9, ?10)`

	invitationTo = `
SELECT i.organization_id, i.generation, i.role_id, o.name FROM organization_invitations i
JOIN organizations o ON o.id = i.organization_id
JOIN user_email_addresses e ON e.deployment_id = i.deployment_id AND e.email = i.email AND e.verified_at IS NOT NULL AND e.ended_at IS NULL
WHERE i.id = ?1 AND i.deployment_id = ?2 AND e.user_id = ?3 AND i.status = 'pending' AND i.expires_at > ?4`

	acceptInvitation = `
UPDATE organization_invitations SET status = 'accepted', ended_at = ?1, ended_by = ?2, updated_at = ?1
WHERE id = ?3 AND generation = ?4 AND status = 'pending'`

	insertMembership = `
INSERT INTO organization_memberships (id, deployment_id, organization_id, user_id, joined_by, invitation_id, created_at, updated_at)
VALUES (?1, ?2, ?3, ?4, 'invitation_token', ?5, ?6, ?6)`

	insertMembershipRole = `
INSERT INTO organization_membership_roles (membership_id, role_id, organization_id, created_at) VALUES (?1, ?2, ?3, ?4)`

	takeSeat = `UPDATE organizations SET member_count = member_count + 1 WHERE id = ?1 AND ended_at IS NULL`

	activate = `
UPDATE signins SET active_organization_membership_id = ?1, active_workspace_membership_id = NULL, updated_at = ?2
WHERE id = ?3 AND ended_at IS NULL`
)
