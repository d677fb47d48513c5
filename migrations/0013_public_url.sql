-- +goose Up
-- The address that the server was last started with.
ALTER TABLE deployments ADD COLUMN public_url TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE deployments DROP COLUMN public_url;
