-- name: WorkspaceRoleByID :one
-- Of the workspace, or of its deployment.
SELECT r.* FROM workspace_roles r JOIN workspaces w ON w.deployment_id = r.deployment_id
WHERE r.id = @id AND w.id = @workspace_id AND r.ended_at IS NULL
    AND (r.workspace_id IS NULL OR r.workspace_id = w.id);

-- name: WorkspaceRolesOf :many
-- The deployment's first, then the workspace's own.
SELECT * FROM workspace_roles
WHERE deployment_id = @deployment_id AND ended_at IS NULL
    AND COALESCE(workspace_id, 0) IN (0, @workspace_id::bigint)
ORDER BY CASE WHEN workspace_id IS NULL THEN 0 ELSE 1 END, id;

-- name: WorkspaceRolesWithIDs :many
SELECT * FROM workspace_roles WHERE id = ANY(@ids::bigint[]);

-- name: InsertWorkspaceRole :one
INSERT INTO workspace_roles (id, deployment_id, workspace_id, name, name_key, permissions, created_at, updated_at)
VALUES (@id, @deployment_id, @workspace_id, @name, @name_key, @permissions, @now, @now)
RETURNING *;

-- name: WorkspaceRoleInUse :one
-- Whether a member holds the role, or a live invitation promises it.
SELECT EXISTS (
    SELECT 1 FROM workspace_membership_roles held JOIN workspace_memberships m ON m.id = held.membership_id
    WHERE held.workspace_id = @workspace_id AND held.role_id = @role_id AND m.ended_at IS NULL
    UNION ALL
    SELECT 1 FROM organization_invitations i
    WHERE i.organization_id = @organization_id AND i.workspace_role_id = @role_id AND i.status = 'pending' AND i.expires_at > @now
);

-- name: EndWorkspaceRole :exec
UPDATE workspace_roles SET ended_at = @now, updated_at = @now
WHERE id = @id AND workspace_id = @workspace_id AND ended_at IS NULL;

-- name: EndWorkspaceRolesOf :exec
-- Every role of workspaces that end.
UPDATE workspace_roles SET ended_at = @now, updated_at = @now
WHERE deployment_id = @deployment_id AND COALESCE(workspace_id, 0) = ANY(@workspaces::bigint[]) AND ended_at IS NULL;

-- name: GiveWorkspaceRoles :execrows
-- Roles of other workspaces, and those held already, are left out.
INSERT INTO workspace_membership_roles (membership_id, role_id, workspace_id, created_at)
SELECT @membership_id, r.id, @workspace_id, @now FROM workspace_roles r
WHERE r.id = ANY(@roles::bigint[]) AND r.deployment_id = @deployment_id AND r.ended_at IS NULL
    AND (r.workspace_id IS NULL OR r.workspace_id = @workspace_id)
ON CONFLICT (membership_id, role_id) DO NOTHING;

-- name: TakeWorkspaceRole :execrows
DELETE FROM workspace_membership_roles
WHERE membership_id = @membership_id AND role_id = @role_id AND workspace_id = @workspace_id;
