-- name: FirstDeployment :one
-- The deployment that answers for every host until a second one is added.
SELECT id, name, public_url, settings, version, created_at, updated_at FROM deployments ORDER BY id LIMIT 1;

-- name: InsertDeployment :exec
INSERT INTO deployments (id, name, settings, created_at, updated_at)
VALUES (@id, @name, @settings, @now, @now);

-- name: InsertOrganizationRole :exec
INSERT INTO organization_roles (id, deployment_id, name, name_key, permissions, created_at, updated_at)
VALUES (@id, @deployment_id, @name, @name_key, @permissions, @now, @now);

-- name: InsertWorkspaceRole :exec
INSERT INTO workspace_roles (id, deployment_id, name, name_key, permissions, created_at, updated_at)
VALUES (@id, @deployment_id, @name, @name_key, @permissions, @now, @now);

-- name: UpdatePublicURL :exec
UPDATE deployments SET public_url = @public_url WHERE id = @id;

-- name: UpdateSettings :one
-- No row when somebody else changed the settings since they were read.
UPDATE deployments SET settings = @settings, version = version + 1, updated_at = @now
WHERE id = @id AND version = @version
RETURNING version;

-- name: OrganizationRolesOfAll :many
-- The deployment's own, for every organization.
SELECT id, name, permissions FROM organization_roles
WHERE deployment_id = @deployment_id AND organization_id IS NULL AND ended_at IS NULL ORDER BY id;

-- name: WorkspaceRolesOfAll :many
-- The deployment's own, for every workspace.
SELECT id, name, permissions FROM workspace_roles
WHERE deployment_id = @deployment_id AND workspace_id IS NULL AND ended_at IS NULL ORDER BY id;
