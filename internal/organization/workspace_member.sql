-- name: InsertWorkspaceMembership :one
-- No row when the person is a member already.
INSERT INTO workspace_memberships (id, deployment_id, organization_id, workspace_id, organization_membership_id, user_id, created_at, updated_at)
VALUES (@id, @deployment_id, @organization_id, @workspace_id, @organization_membership_id, @user_id, @now, @now)
ON CONFLICT (workspace_id, user_id) WHERE ended_at IS NULL DO NOTHING
RETURNING id;

-- name: WorkspaceGrantRows :many
-- A row for each role of a member; one without permissions for a member
-- without role.
SELECT m.id AS membership_id, r.permissions
FROM workspace_memberships m
LEFT JOIN workspace_membership_roles held ON held.membership_id = m.id
LEFT JOIN workspace_roles r ON r.id = held.role_id AND r.ended_at IS NULL
WHERE m.workspace_id = @workspace_id AND m.organization_id = @organization_id AND m.user_id = @user_id AND m.ended_at IS NULL;

-- name: WorkspaceMembershipByID :one
SELECT * FROM workspace_memberships
WHERE id = @id AND workspace_id = @workspace_id AND organization_id = @organization_id AND ended_at IS NULL;

-- name: WorkspaceMembersPage :many
SELECT * FROM workspace_memberships
WHERE workspace_id = @workspace_id AND ended_at IS NULL
ORDER BY id
LIMIT @page_size::bigint OFFSET @skip::bigint;

-- name: WorkspaceMembersLike :many
-- Those whose names and address are like the pattern.
SELECT m.* FROM workspace_memberships m JOIN users u ON u.id = m.user_id
WHERE m.workspace_id = @workspace_id AND m.ended_at IS NULL AND u.search LIKE @pattern::text ESCAPE '\'
ORDER BY m.id
LIMIT @page_size::bigint OFFSET @skip::bigint;

-- name: CountWorkspaceMembersLike :one
SELECT COUNT(*) FROM workspace_memberships m JOIN users u ON u.id = m.user_id
WHERE m.workspace_id = @workspace_id AND m.ended_at IS NULL AND u.search LIKE @pattern::text ESCAPE '\';

-- name: WorkspaceMembershipsOfUser :many
-- In one organization, or in all of them when it is zero.
SELECT sqlc.embed(m), sqlc.embed(workspaces), sqlc.embed(organizations)
FROM workspace_memberships m
JOIN workspaces ON workspaces.id = m.workspace_id
JOIN organizations ON organizations.id = m.organization_id
WHERE m.user_id = @user_id AND m.deployment_id = @deployment_id AND m.ended_at IS NULL
    AND (@organization_id::bigint = 0 OR m.organization_id = @organization_id::bigint)
ORDER BY m.id;

-- name: EndWorkspaceMembership :exec
UPDATE workspace_memberships SET ended_at = @now, updated_at = @now, ended_by = @ended_by
WHERE id = @id AND workspace_id = @workspace_id AND ended_at IS NULL;

-- name: EndWorkspaceMembershipsOfMember :many
UPDATE workspace_memberships SET ended_at = @now, updated_at = @now, ended_by = @ended_by
WHERE organization_membership_id = @organization_membership_id AND organization_id = @organization_id AND ended_at IS NULL
RETURNING workspace_id;

-- name: WorkspaceRolesHeld :many
SELECT held.membership_id, sqlc.embed(r)
FROM workspace_membership_roles held JOIN workspace_roles r ON r.id = held.role_id
WHERE held.membership_id = ANY(@memberships::bigint[]) AND r.ended_at IS NULL
ORDER BY held.membership_id, r.id;

-- name: EndWorkspaceMembershipsOf :exec
-- In one workspace of the organization, or in all of them.
UPDATE workspace_memberships SET ended_at = @now, updated_at = @now, ended_by = @ended_by
WHERE organization_id = @organization_id AND ended_at IS NULL
    AND (@everywhere::boolean OR workspace_id = @workspace_id);

-- name: AdministeredAlone :many
-- The names of the workspaces of which this member of the organization is the
-- only administrator who may sign in.
SELECT w.name FROM workspace_memberships mine
JOIN workspaces w ON w.id = mine.workspace_id
WHERE mine.organization_membership_id = @organization_membership_id AND mine.organization_id = @organization_id
    AND mine.ended_at IS NULL
    AND EXISTS (
        SELECT 1 FROM workspace_membership_roles held JOIN workspace_roles r ON r.id = held.role_id
        WHERE held.membership_id = mine.id AND (' ' || r.permissions || ' ') LIKE '% workspace:admin %'
    )
    AND NOT EXISTS (
        SELECT 1 FROM workspace_memberships other
        JOIN workspace_membership_roles held ON held.membership_id = other.id
        JOIN workspace_roles r ON r.id = held.role_id
        JOIN users u ON u.id = other.user_id
        WHERE other.workspace_id = mine.workspace_id AND other.id <> mine.id AND other.ended_at IS NULL
            AND (' ' || r.permissions || ' ') LIKE '% workspace:admin %'
            AND u.disabled_at IS NULL AND u.ended_at IS NULL
    )
ORDER BY w.id;

-- name: HasWorkspaceAdministrator :one
-- Whether a member who may sign in holds the admin permission.
SELECT EXISTS (
    SELECT 1 FROM workspace_memberships m
    JOIN workspace_membership_roles held ON held.membership_id = m.id
    JOIN workspace_roles r ON r.id = held.role_id
    JOIN users u ON u.id = m.user_id
    WHERE m.workspace_id = @workspace_id AND m.ended_at IS NULL
        AND (' ' || r.permissions || ' ') LIKE '% workspace:admin %'
        AND u.disabled_at IS NULL AND u.ended_at IS NULL
);
