-- name: PendingInvitations :many
-- A piece of the list, below a given id, the newest first.
SELECT * FROM organization_invitations
WHERE organization_id = @organization_id AND status = 'pending' AND id < @before
    AND (workspace_id = @workspace_id OR @workspace_id IS NULL)
ORDER BY id DESC LIMIT @size::bigint;

-- name: SearchInvitations :many
-- The same for any states and a part of the address. A pending one counts only
-- when it has expired at expired_by.
SELECT * FROM organization_invitations
WHERE organization_id = @organization_id AND id < @before
    AND status = ANY(@statuses::text[]) AND (status <> 'pending' OR expires_at <= @expired_by)
    AND (workspace_id = @workspace_id OR @workspace_id IS NULL)
    AND email LIKE @pattern::text ESCAPE '\'
ORDER BY id DESC LIMIT @size::bigint;

-- name: InvitationOfOrganization :one
SELECT * FROM organization_invitations WHERE id = @id AND organization_id = @organization_id;

-- name: InvitationOfDeployment :one
-- For whoever holds a secret of the invitation, which names it by its id.
SELECT sqlc.embed(i), o.name AS organization_name, COALESCE(w.name, '')::text AS workspace_name,
    (o.ended_at IS NULL AND w.ended_at IS NULL)::boolean AS live
FROM organization_invitations i
JOIN organizations o ON o.id = i.organization_id
LEFT JOIN workspaces w ON w.id = i.workspace_id
WHERE i.id = @id AND i.deployment_id = @deployment_id;

-- name: InvitationsTo :many
-- What the owner of these addresses can accept now.
SELECT sqlc.embed(i), o.name AS organization_name, COALESCE(w.name, '')::text AS workspace_name,
    r.name AS role_name, COALESCE(wr.name, '')::text AS workspace_role_name
FROM organization_invitations i
JOIN organizations o ON o.id = i.organization_id
JOIN organization_roles r ON r.id = i.role_id
LEFT JOIN workspaces w ON w.id = i.workspace_id
LEFT JOIN workspace_roles wr ON wr.id = i.workspace_role_id
WHERE i.deployment_id = @deployment_id AND i.email = ANY(@emails::text[])
    AND i.status = 'pending' AND i.expires_at > @now AND o.ended_at IS NULL AND w.ended_at IS NULL
ORDER BY i.id DESC LIMIT 100;

-- name: InvitedEmails :many
-- Which of the addresses have a live pending invitation to the same target.
SELECT email FROM organization_invitations
WHERE organization_id = @organization_id AND email = ANY(@emails::text[]) AND status = 'pending'
    AND workspace_id IS NOT DISTINCT FROM @workspace_id AND expires_at > @now;

-- name: EmailsOfMembers :many
-- Which of the addresses belong to members of the organization, and whether
-- those are members of the workspace.
SELECT e.email, (w.id IS NOT NULL)::boolean AS in_workspace FROM user_email_addresses e
JOIN organization_memberships m ON m.user_id = e.user_id AND m.organization_id = @organization_id AND m.ended_at IS NULL
LEFT JOIN workspace_memberships w ON w.user_id = e.user_id AND w.workspace_id = @workspace_id AND w.ended_at IS NULL
WHERE e.deployment_id = @deployment_id AND e.email = ANY(@emails::text[]) AND e.verified_at IS NOT NULL AND e.ended_at IS NULL;

-- name: PromisedSeats :one
-- The seats that live invitations of the organization would take: one for each
-- address that is not a member's.
SELECT count(DISTINCT i.email) FROM organization_invitations i
WHERE i.organization_id = @organization_id AND i.status = 'pending' AND i.expires_at > @now
    AND NOT EXISTS (
        SELECT 1 FROM user_email_addresses e
        JOIN organization_memberships m ON m.user_id = e.user_id AND m.organization_id = i.organization_id AND m.ended_at IS NULL
        WHERE e.deployment_id = i.deployment_id AND e.email = i.email AND e.verified_at IS NOT NULL AND e.ended_at IS NULL);

-- name: PromisedWorkspaceSeats :one
SELECT count(*) FROM organization_invitations
WHERE organization_id = @organization_id AND workspace_id = @workspace_id AND status = 'pending' AND expires_at > @now;

-- name: InvitationsSince :one
-- How many were made since an id, ids being ordered by time.
SELECT count(*) FROM organization_invitations WHERE organization_id = @organization_id AND id >= @since;

-- name: ResendsSince :one
SELECT count(*) FROM events
WHERE deployment_id = @deployment_id AND subject_id = @subject_id AND name = @name AND created_at > @since;

-- name: CloseExpiredInvitations :exec
-- Makes room for new ones to the same addresses and target.
UPDATE organization_invitations SET status = 'expired', ended_at = @now, updated_at = @now
WHERE organization_id = @organization_id AND email = ANY(@emails::text[]) AND status = 'pending'
    AND workspace_id IS NOT DISTINCT FROM @workspace_id AND expires_at <= @now;

-- name: InsertInvitation :execrows
-- No row when there is a pending one of the same address and target.
INSERT INTO organization_invitations (id, deployment_id, organization_id, email, typed, role_id, workspace_id, workspace_role_id,
    inviter_id, status, expires_at, created_at, updated_at)
VALUES (@id, @deployment_id, @organization_id, @email, @typed, @role_id, @workspace_id, @workspace_role_id,
    @inviter_id, 'pending', @expires_at, @now, @now)
ON CONFLICT DO NOTHING;

-- name: DiscardInvitation :one
UPDATE organization_invitations SET status = 'discarded', ended_at = @now, ended_by = @ended_by, updated_at = @now
WHERE id = @id AND organization_id = @organization_id AND status = 'pending'
RETURNING *;

-- name: DeclineInvitation :one
UPDATE organization_invitations SET status = 'declined', ended_at = @now, ended_by = @ended_by, updated_at = @now
WHERE id = @id AND organization_id = @organization_id AND status = 'pending' AND expires_at > @now
RETURNING *;

-- name: ResendInvitation :one
-- The new generation ends the links that were sent before.
UPDATE organization_invitations
SET generation = generation + 1, inviter_id = @inviter_id, needs_approval_at = NULL, expires_at = @expires_at, updated_at = @now
WHERE id = @id AND organization_id = @organization_id AND status = 'pending' AND generation = @generation
RETURNING *;

-- name: AcceptInvitation :one
-- No row unless this very generation is pending and has not expired: of any
-- number of simultaneous calls, one gets the row.
UPDATE organization_invitations SET status = 'accepted', ended_at = @now, ended_by = @ended_by, updated_at = @now
WHERE id = @id AND organization_id = @organization_id AND status = 'pending' AND generation = @generation AND expires_at > @now
RETURNING *;

-- name: HoldInvitation :execrows
-- Marks an invitation that its inviter could no longer give. No row when it was
-- marked before.
UPDATE organization_invitations SET needs_approval_at = @now, updated_at = @now
WHERE id = @id AND organization_id = @organization_id AND status = 'pending' AND needs_approval_at IS NULL;

-- name: Inviters :many
-- The memberships of inviters who are still in the organization, with roles.
SELECT m.user_id, m.id AS membership_id, r.role_id FROM organization_memberships m
LEFT JOIN organization_membership_roles r ON r.membership_id = m.id
WHERE m.organization_id = @organization_id AND m.user_id = ANY(@users::bigint[]) AND m.ended_at IS NULL
ORDER BY m.id, r.role_id;

-- name: WorkspaceNames :many
SELECT id, name FROM workspaces WHERE organization_id = @organization_id AND id = ANY(@ids::bigint[]);

-- name: ClaimsOfEmail :one
-- How many of these people have the address without having proven it.
SELECT count(*) FROM user_email_addresses
WHERE deployment_id = @deployment_id AND email = @email AND user_id = ANY(@users::bigint[]) AND verified_at IS NULL AND ended_at IS NULL;
