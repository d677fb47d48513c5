-- name: WorkspaceByID :one
SELECT * FROM workspaces
WHERE id = @id AND organization_id = @organization_id AND ended_at IS NULL;

-- name: TakeWorkspacePlace :execrows
-- No row when the organization has as many workspaces as it may, or is gone.
UPDATE organizations SET workspace_count = workspace_count + 1
WHERE id = @id AND deployment_id = @deployment_id AND ended_at IS NULL
    AND (@places::bigint = 0 OR workspace_count < @places::bigint);

-- name: FreeWorkspacePlace :exec
-- People are no longer put into a workspace that is gone.
UPDATE organizations
SET workspace_count = workspace_count - 1,
    auto_assigned_workspace_id = CASE WHEN auto_assigned_workspace_id = @workspace_id THEN NULL ELSE auto_assigned_workspace_id END
WHERE id = @id;

-- name: InsertWorkspace :one
INSERT INTO workspaces (id, deployment_id, organization_id, name, description, image_url, creator_id, created_at, updated_at)
VALUES (@id, @deployment_id, @organization_id, @name, @description, @image_url, @creator_id, @now, @now)
RETURNING *;

-- name: UpdateWorkspace :one
UPDATE workspaces
SET name = @name, description = @description, whitelisted_ips = @whitelisted_ips, enable_ip_restriction = @enable_ip_restriction,
    enforce_mfa = @enforce_mfa, image_url = @image_url, updated_at = @now
WHERE id = @id AND organization_id = @organization_id AND ended_at IS NULL
RETURNING *;

-- name: EndWorkspace :execrows
-- No row when it has ended already.
UPDATE workspaces SET ended_at = @now, updated_at = @now, member_count = 0
WHERE id = @id AND organization_id = @organization_id AND ended_at IS NULL;

-- name: EndWorkspacesOf :many
UPDATE workspaces SET ended_at = @now, updated_at = @now, member_count = 0
WHERE organization_id = @organization_id AND ended_at IS NULL
RETURNING id;

-- name: TakeWorkspaceSeat :execrows
-- No row when all seats are taken, or the workspace is gone.
UPDATE workspaces SET member_count = member_count + 1
WHERE id = @id AND organization_id = @organization_id AND ended_at IS NULL
    AND (@seats::bigint = 0 OR member_count < @seats::bigint);

-- name: FreeWorkspaceSeats :exec
UPDATE workspaces SET member_count = member_count - 1
WHERE organization_id = @organization_id AND id = ANY(@workspaces::bigint[]);

-- name: LeaveWorkspaceInEverySignIn :exec
-- Clears a workspace that is gone from where people are active.
UPDATE signins SET active_workspace_membership_id = NULL, updated_at = @now
WHERE ended_at IS NULL AND active_workspace_membership_id IN (
    SELECT m.id FROM workspace_memberships m WHERE m.workspace_id = @workspace_id AND m.ended_at IS NULL
);
