-- name: InsertEvent :exec
INSERT INTO events (id, deployment_id, organization_id, workspace_id, actor_id, session_id, name, subject_id, data, ip_address, user_agent, created_at)
VALUES (@id, @deployment_id, @organization_id, @workspace_id, @actor_id, @session_id, @name, @subject_id, @data, @ip_address, @user_agent, @created_at);
