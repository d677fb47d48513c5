-- name: TakeTurn :one
-- Updates the row so that transactions which change members take turns.
UPDATE organizations SET member_count = member_count
WHERE id = @id AND deployment_id = @deployment_id AND ended_at IS NULL
RETURNING *;

-- name: OrganizationByID :one
SELECT * FROM organizations
WHERE id = @id AND deployment_id = @deployment_id AND ended_at IS NULL;

-- name: InsertOrganization :one
INSERT INTO organizations (id, deployment_id, name, description, image_url, creator_id, created_at, updated_at)
VALUES (@id, @deployment_id, @name, @description, @image_url, @creator_id, @now, @now)
RETURNING *;

-- name: UpdateOrganization :one
UPDATE organizations
SET name = @name, description = @description, whitelisted_ips = @whitelisted_ips, enable_ip_restriction = @enable_ip_restriction,
    enforce_mfa = @enforce_mfa, image_url = @image_url, auto_assigned_workspace_id = @auto_assigned_workspace_id, updated_at = @now
WHERE id = @id AND ended_at IS NULL
RETURNING *;

-- name: EndOrganization :exec
UPDATE organizations SET ended_at = @now, updated_at = @now, member_count = 0, workspace_count = 0
WHERE id = @id AND ended_at IS NULL;

-- name: TakeSeat :one
-- The workspace that new members are put into. No row when all seats are
-- taken, or the organization is gone.
UPDATE organizations SET member_count = member_count + 1
WHERE id = @id AND deployment_id = @deployment_id AND ended_at IS NULL
    AND (@seats::bigint = 0 OR member_count < @seats::bigint)
RETURNING auto_assigned_workspace_id;

-- name: FreeSeat :exec
UPDATE organizations SET member_count = member_count - 1 WHERE id = @id;

-- name: LockCreator :execrows
-- Updates the row so that creations by one person take turns.
UPDATE users SET updated_at = updated_at WHERE id = @id AND deployment_id = @deployment_id AND ended_at IS NULL;

-- name: CountOfCreator :one
SELECT COUNT(*) FROM organizations
WHERE deployment_id = @deployment_id AND creator_id = @creator_id AND ended_at IS NULL;

-- name: CountOfMember :one
SELECT COUNT(*) FROM organization_memberships
WHERE user_id = @user_id AND deployment_id = @deployment_id AND ended_at IS NULL;

-- name: DiscardInvitationsOf :exec
-- Ends what is pending in an organization, or in one of its workspaces only.
UPDATE organization_invitations SET status = 'discarded', updated_at = @now, ended_at = @now, ended_by = @ended_by
WHERE organization_id = @organization_id AND status = 'pending'
    AND (@everywhere::boolean OR workspace_id = @workspace_id);

-- name: LeaveEverySignIn :exec
-- Clears an organization that is gone from where people are active.
UPDATE signins SET active_organization_membership_id = NULL, active_workspace_membership_id = NULL, updated_at = @now
WHERE ended_at IS NULL AND active_organization_membership_id IN (
    SELECT m.id FROM organization_memberships m WHERE m.organization_id = @organization_id AND m.ended_at IS NULL
);
